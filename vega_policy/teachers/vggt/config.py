"""A recipe's fields of the VGGT teacher."""

from typing import Literal

from pydantic import Field

from vega_policy.teachers.kind import TeacherConfig

SOURCE = (
    "Get it with: hf download facebook/VGGT-1B model.pt --local-dir models/teachers/vggt_1b; "
    "then alignment.vggt.checkpoint=teachers/vggt_1b/model.pt"
)
PUBLIC_WIDTH = 2048
"""Of the features of the published model."""


class VggtConfig(TeacherConfig):
    """The VGGT teacher, see :mod:`vega_policy.teachers.vggt`."""

    checkpoint: str | None = Field(
        default=None, description="weights, relative to models/ or absolute; never downloaded"
    )
    image_size: int = Field(
        default=518,
        gt=0,
        description="pixels a side that VGGT sees; 224 is several times cheaper and needs no "
        "resampling",
    )
    layer: int = Field(
        default=-1,
        ge=-1,
        description="entry of the aggregator's output list that encoder and spatial_forcing use; "
        "-1 is the last",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="dtype of the teacher, weights and tokens alike"
    )

"""A recipe's fields of the FiT3D teacher."""

from typing import Literal

from pydantic import Field

from vega_policy.teachers.kind import TeacherConfig

SOURCE = (
    "The paper's ViT-L was never published. Others were, the largest with: hf download "
    "yuanwenyue/FiT3D dinov2_base_finetuned.pth --local-dir models/teachers/fit3d; there are also "
    "dinov2_small, dinov2_reg_small, clip_base, mae_base, deit3_base. Then set "
    "alignment.fit3d.checkpoint=teachers/fit3d/dinov2_base_finetuned.pth alignment.fit3d.dim=null"
)


class Fit3dConfig(TeacherConfig):
    """The FiT3D teacher, see :mod:`vega_policy.teachers.fit3d`."""

    checkpoint: str | None = Field(
        default=None, description="weights, relative to models/ or absolute; never downloaded"
    )
    heads: int | None = Field(
        default=None, gt=0, description="attention heads; None takes 64 dimensions a head"
    )
    dim: int | None = Field(
        default=None,
        gt=0,
        description="width that the file must have; None takes any (the paper's has 1024)",
    )
    final_norm: bool = Field(
        default=True,
        description="features behind the final norm, which is what FiT3D supervises and reads; the "
        "paper does not say",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="dtype of the teacher, weights and tokens alike"
    )

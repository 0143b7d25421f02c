"""What a recipe says about alignment."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class GeometryConfig(BaseModel):
    """The geometry teacher, see :mod:`vega_policy.alignment.geometry`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    classes: int = Field(default=12, gt=0, description="largest number of segmentation classes")
    frequencies: int = Field(default=6, gt=0, description="sine-cosine pairs a coordinate")
    longest_m: float = Field(default=2.0, gt=0, description="longest wavelength, m")
    shortest_m: float = Field(default=0.08, gt=0, description="shortest wavelength, m")
    class_weight: float = Field(default=2.0, gt=0, description="scale of the class fractions")


class AlignmentConfig(BaseModel):
    """Teacher, student and weight of the alignment loss."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    teacher: Literal["none", "geometry"] = Field(
        default="none", description="what DINOv2 is aligned to"
    )
    weight: float = Field(default=0.1, ge=0, description="lambda of the paper (eq. 9)")
    tap: Literal["plain", "film"] = Field(
        default="plain",
        description="student features: `plain` runs DINOv2 once more without FiLM, as the paper's "
        "eq. 4 has no language in it; `film` takes the features that the policy consumes, at no "
        "extra cost",
    )
    layer_norm: bool = Field(default=True, description="LayerNorm in front of the projector")
    geometry: GeometryConfig = GeometryConfig()

"""What a recipe says about alignment."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GeometryConfig(_Frozen):
    """The geometry teacher, see :mod:`vega_policy.alignment.geometry`."""

    classes: int = Field(default=12, gt=0, description="largest number of segmentation classes")
    frequencies: int = Field(default=6, gt=0, description="sine-cosine pairs a coordinate")
    longest_m: float = Field(default=2.0, gt=0, description="longest wavelength, m")
    shortest_m: float = Field(default=0.08, gt=0, description="shortest wavelength, m")
    class_weight: float = Field(default=2.0, gt=0, description="scale of the class fractions")


class Fit3dConfig(_Frozen):
    """The FiT3D teacher, see :mod:`vega_policy.alignment.fit3d`."""

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


class VggtConfig(_Frozen):
    """The VGGT teacher, see :mod:`vega_policy.alignment.vggt`."""

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


class EncoderConfig(_Frozen):
    """VEGA, see :mod:`vega_policy.alignment.encoder`."""

    position_embedding: bool = Field(
        default=False,
        description="add the sine-cosine embedding to the targets; off because patches of the "
        "vision tower carry positions already",
    )


class SpatialForcingConfig(_Frozen):
    """Spatial Forcing, see :mod:`vega_policy.alignment.spatial_forcing`."""

    layer: int = Field(
        default=24,
        ge=0,
        description="hidden state of the language model: 0 is its input, i the output of layer i",
    )
    shift_by_one: bool = Field(
        default=False,
        description="take the visual tokens one position late, as the public code does by default: "
        "the first patch is dropped and the state token is taken for the last",
    )
    position_embedding: bool = Field(
        default=True, description="add 0.1 of a sine-cosine embedding to the targets"
    )


class RocketConfig(_Frozen):
    """ROCKET, see :mod:`vega_policy.alignment.rocket`."""

    pairs: tuple[tuple[int, int], ...] = Field(
        default=(
            *((layer, layer) for layer in (2, 4, 6, 8, 10, 12, 14, 16, 18)),
            (-1, -1),
        ),
        min_length=1,
        description="(hidden state of the language model, entry of VGGT's output list), shallow to "
        "deep. As in the public code a student's -1 is the input of the last layer (31 of 0..32), "
        "a teacher's -1 the last entry",
    )
    shallowest_width: float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="share of the projector's hidden units that the first pair uses; the last uses "
        "all, those between grow linearly",
    )
    shift_by_one: bool = Field(
        default=False, description="as in spatial_forcing; the public code does it by default"
    )
    position_embedding: bool = Field(
        default=True, description="add 0.1 of a sine-cosine embedding to the targets"
    )


class AlignmentConfig(_Frozen):
    """Teacher, student and weight of the alignment loss."""

    teacher: Literal["none", "geometry", "fit3d", "vggt"] = Field(
        default="none", description="what the policy is aligned to"
    )
    method: Literal["encoder", "spatial_forcing", "rocket"] = Field(
        default="encoder",
        description="`encoder` is VEGA: the DINOv2 tower; the others align hidden states of the "
        "language model, one (`spatial_forcing`) or many (`rocket`)",
    )
    weight: float = Field(default=0.1, ge=0, description="lambda of the paper (eq. 7)")
    tap: Literal["plain", "film"] = Field(
        default="plain",
        description="student features of `encoder`: `plain` runs DINOv2 once more without FiLM, as "
        "the paper's eq. 4 has no language in it; `film` takes the features that the policy "
        "consumes, at no extra cost",
    )
    layer_norm: bool = Field(default=True, description="LayerNorm in front of the projector")
    head_view_only: bool = Field(
        default=False,
        description="align the first view only; the paper speaks of one image, and all are taken",
    )
    geometry: GeometryConfig = GeometryConfig()
    fit3d: Fit3dConfig = Fit3dConfig()
    vggt: VggtConfig = VggtConfig()
    encoder: EncoderConfig = EncoderConfig()
    spatial_forcing: SpatialForcingConfig = SpatialForcingConfig()
    rocket: RocketConfig = RocketConfig()

"""What a recipe says about alignment."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model, model_validator

from vega_policy.teachers import NO_TEACHER, TEACHERS, TeacherConfig, TeacherKind


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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


class Choices(NamedTuple):
    """The values that a field may have, where others than this project add to them."""

    names: Callable[[], tuple[str, ...]]


def teacher_names() -> tuple[str, ...]:
    """What ``alignment.teacher`` may be."""
    return (NO_TEACHER, *TEACHERS)


def _known_teacher(name: str) -> str:
    if name not in teacher_names():
        raise ValueError(f"unknown teacher {name!r}; there are: {', '.join(teacher_names())}")
    return name


class AlignmentConfig(BaseModel):
    """Teacher, student and weight of the alignment loss.

    Each registered teacher has a group of fields besides, by its name.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    teacher: Annotated[str, AfterValidator(_known_teacher), Choices(teacher_names)] = Field(
        default=NO_TEACHER, description="what the policy is aligned to"
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
    encoder: EncoderConfig = EncoderConfig()
    spatial_forcing: SpatialForcingConfig = SpatialForcingConfig()
    rocket: RocketConfig = RocketConfig()

    @model_validator(mode="before")
    @classmethod
    def _groups_of_teachers(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        own = {key: value for key, value in data.items() if key in cls.model_fields}
        others = {key: value for key, value in data.items() if key not in own}
        return own | dict(_teacher_groups().model_validate(others))

    @property
    def kind(self) -> TeacherKind | None:
        """Of the teacher; None if there is none."""
        return None if self.teacher == NO_TEACHER else TEACHERS.get(self.teacher)

    @property
    def needs_scene(self) -> bool:
        """Whether the teacher sees depth, segmentation and camera poses, not images alone."""
        return self.kind is not None and self.kind.needs_scene

    def teacher_config(self, teacher: str) -> TeacherConfig:
        """The fields of a teacher, the recipe's own or another."""
        config: TeacherConfig = getattr(self, teacher)
        return config


def _teacher_groups() -> type[BaseModel]:
    groups: dict[str, Any] = {name: (kind.config, kind.config()) for name, kind in TEACHERS.items()}
    return create_model("TeacherGroups", __base__=_Frozen, **groups)

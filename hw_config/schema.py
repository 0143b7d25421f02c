"""The schema of hw_config: every field with its unit, every impossible value an error."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

ARM_NAMES = ("left", "right")
CAMERA_NAMES = ("head", "left_wrist", "right_wrist")
JOINTS_PER_ARM = 7

Positive = Annotated[float, Field(gt=0)]
Vector3 = tuple[float, float, float]
ArmVector = Annotated[tuple[float, ...], Field(min_length=7, max_length=7)]
ArmNames = Annotated[tuple[str, ...], Field(min_length=7, max_length=7)]


class ConfigError(ValueError):
    """The configuration is missing, malformed or contradicts itself; the text says where."""


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ArmConfig(_Schema):
    """One follower arm. Joint vectors are joints 1-6 in rad, then the gripper opening in m."""

    can: str = Field(min_length=1, description="name of the CAN interface")
    base_xyz: Vector3 = Field(description="base in `footprint`, m")
    base_rpy: Vector3 = Field(description="base in `footprint`, rad")
    joint_names: ArmNames
    home: ArmVector = Field(description="resting posture: rad, gripper in m")


class CameraConfig(_Schema):
    """One camera: which device it is, what it streams and where it is mounted."""

    name: Literal["head", "left_wrist", "right_wrist"]
    dataset_key: str
    model: Literal["D435", "D405"]
    serial: str = Field(min_length=1)
    namespace: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="of its topics")
    parent: str = Field(description="frame it is mounted on")
    xyz: Vector3 = Field(description="camera body in `parent`, m (x forward, y left, z up)")
    rpy: Vector3 = Field(description="camera body in `parent`, rad")
    vertical_fov_deg: float = Field(gt=5, lt=170)
    width: int = Field(gt=0, multiple_of=2, description="pixels")
    height: int = Field(gt=0, multiple_of=2, description="pixels")
    fps: int = Field(gt=0, le=90)

    @property
    def frame_id(self) -> str:
        """Frame of the image: z forward, x right, y down (REP 103)."""
        return f"{self.namespace}_color_optical_frame"


class Limits(_Schema):
    """Limits of all 14 joints, in the order of `HardwareConfig.joint_names`."""

    lower: tuple[float, ...] = Field(description="rad; gripper m")
    upper: tuple[float, ...] = Field(description="rad; gripper m")
    velocity: tuple[Positive, ...] = Field(description="rad/s; gripper m/s")

    @model_validator(mode="after")
    def _ordered(self) -> Limits:
        for low, high in zip(self.lower, self.upper):
            if low >= high:
                raise ValueError(f"lower limit {low} is not below upper limit {high}")
        return self


class Rates(_Schema):
    """Rates (Hz) and ages (s) that all nodes share."""

    control_hz: Positive = Field(description="policy steps a second")
    state_hz: Positive = Field(description="joint feedback")
    gate_hz: Positive = Field(description="commands to an arm")
    max_image_age_s: Positive = Field(description="the policy does not act on an older frame")
    max_state_age_s: Positive = Field(description="nor on an older joint state; the gate holds")
    max_chunk_age_s: Positive = Field(description="a chunk observed longer ago is refused")


class HardwareConfig(_Schema):
    """The whole cell."""

    arms: dict[Literal["left", "right"], ArmConfig]
    cameras: dict[Literal["head", "left_wrist", "right_wrist"], CameraConfig]
    limits: Limits
    rates: Rates
    gripper_stroke_m: Positive

    @model_validator(mode="after")
    def _consistent(self) -> HardwareConfig:
        if tuple(self.arms) != ARM_NAMES:
            raise ValueError(f"arms must be {ARM_NAMES} in this order, got {tuple(self.arms)}")
        if tuple(self.cameras) != CAMERA_NAMES:
            raise ValueError(
                f"cameras must be {CAMERA_NAMES} in this order, got {tuple(self.cameras)}"
            )
        _unique("joint name", self.joint_names)
        _unique("CAN interface", [arm.can for arm in self.arms.values()])
        for field in ("serial", "namespace", "dataset_key"):
            _unique(f"camera {field}", [getattr(c, field) for c in self.cameras.values()])
        self._check_limit_lengths()
        self._check_home()
        return self

    def _check_limit_lengths(self) -> None:
        for field in ("lower", "upper", "velocity"):
            count = len(getattr(self.limits, field)) // len(ARM_NAMES)
            if count != JOINTS_PER_ARM:
                raise ValueError(f"limits.{field} needs {JOINTS_PER_ARM} values, got {count}")

    def _check_home(self) -> None:
        home = [q for arm in self.arms.values() for q in arm.home]
        rows = zip(self.joint_names, home, self.limits.lower, self.limits.upper)
        for name, q, low, high in rows:
            if not low <= q <= high:
                raise ValueError(f"home of {name} is {q}, outside its limits {low} .. {high}")

    @property
    def joint_names(self) -> tuple[str, ...]:
        """The 14 names: left joints 1-6, left gripper, right joints 1-6, right gripper."""
        return tuple(name for arm in self.arms.values() for name in arm.joint_names)

    @property
    def home(self) -> tuple[float, ...]:
        """Resting posture of both arms [14]: rad, gripper in m."""
        return tuple(q for arm in self.arms.values() for q in arm.home)


class TaskConfig(_Schema):
    """One task of the cell."""

    name: str
    instruction: str = Field(min_length=1, description="what the policy is told")
    description: str
    env_id: str = Field(description="Gymnasium id of the task in the twin")
    arms: tuple[Literal["left", "right"], ...] = Field(min_length=1)
    time_limit_s: Positive
    variants: tuple[str, ...] = ("easy", "hard")


def _unique(what: str, values: list[str] | tuple[str, ...]) -> None:
    repeated = sorted({v for v in values if list(values).count(v) > 1})
    if repeated:
        raise ValueError(f"{what} used more than once: {', '.join(repeated)}")

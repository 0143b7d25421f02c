"""The schema of hw_config: every field with its unit, every impossible value an error."""

from __future__ import annotations

import re
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

ARM_NAMES = ("left", "right")
JOINTS_PER_ARM = 7

Positive = Annotated[float, Field(gt=0)]
Vector3 = tuple[float, float, float]
ArmVector = Annotated[tuple[float, ...], Field(min_length=7, max_length=7)]
_LONGEST_CAN_NAME = 15  # Linux allows no more for the name of a network interface
_CAN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_CAMERA_NAME = re.compile(r"[a-z][a-z0-9_]*")
ArmNames = Annotated[tuple[str, ...], Field(min_length=7, max_length=7)]


class ConfigError(ValueError):
    """The configuration is missing, malformed or contradicts itself; the text says where."""


def can_name(text: str) -> str:
    """A name that a CAN interface can have.

    Raises:
        ValueError: Linux would not take it.
    """
    if len(text) > _LONGEST_CAN_NAME or not _CAN_NAME.fullmatch(text):
        raise ValueError(
            f"a CAN interface's name has at most {_LONGEST_CAN_NAME} characters: a letter, then "
            f"letters, digits, '_', '.' or '-'; got {text!r}, which has {len(text)}"
        )
    return text


CanName = Annotated[str, AfterValidator(can_name)]
Key = tuple[str, ...]


class ConfigProblem(NamedTuple):
    """A contradiction: the path of the key where it shows, and what is wrong."""

    key: Key
    text: str


class Contradiction(ValueError):
    """Some values are possible, but not together."""

    def __init__(self, problems: list[ConfigProblem]) -> None:
        super().__init__("; ".join(text for _, text in problems))
        self.problems = problems


class StrictModel(BaseModel):
    """An unknown key, and a number that is not finite, are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ArmConfig(StrictModel):
    """One follower arm. Joint vectors are joints 1-6 in rad, then the gripper opening in m."""

    can: CanName = Field(
        description="CAN interface of the follower, and of a leader that shares it"
    )
    leader_can: CanName | None = Field(
        default=None, description="CAN interface of the leader, with topology bus_per_arm"
    )
    mount: Literal["flat", "left", "right"] = Field(
        default="flat", description="which side of the arm is down, as the vendor names it"
    )
    base_xyz: Vector3 = Field(description="base in `footprint`, m")
    base_rpy: Vector3 = Field(description="base in `footprint`, rad")
    joint_names: ArmNames
    home: ArmVector = Field(description="resting posture: rad, gripper in m")


class CameraConfig(StrictModel):
    """One camera: which device it is, what it streams and where it is mounted."""

    name: str = Field(description="key under which it stands in cameras.yaml")
    dataset_key: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$", description="of its images in datasets"
    )
    model: Literal["D435", "D405"]
    serial: str = Field(pattern=r"^[0-9A-Za-z]{6,20}$", description="as the SDK prints it")
    namespace: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="of its topics")
    parent: str = Field(description="frame it is mounted on")
    xyz: Vector3 = Field(description="camera body in `parent`, m (x forward, y left, z up)")
    rpy: Vector3 = Field(description="camera body in `parent`, rad")
    vertical_fov_deg: float = Field(gt=5, lt=170)
    width: int = Field(gt=0, multiple_of=2, description="pixels")
    height: int = Field(gt=0, multiple_of=2, description="pixels")
    fps: int = Field(gt=0, le=90)
    warm_up_frames: int = Field(
        default=30, ge=1, le=300, description="thrown away after a start, while exposure settles"
    )
    lock_exposure: bool = Field(
        default=False, description="keep exposure, gain and white balance after the warm-up"
    )
    allow_usb2: bool = Field(default=False, description="take it when it is connected by USB 2")

    @field_validator("name")
    @classmethod
    def _identifier(cls, value: str) -> str:
        if not _CAMERA_NAME.fullmatch(value):
            raise ValueError(
                "a camera's name is lower-case letters, digits and underscores, beginning with a "
                f"letter, as 'head'; got {value!r}"
            )
        return value

    @field_validator("serial", mode="before")
    @classmethod
    def _quoted(cls, value: object) -> object:
        if isinstance(value, int):
            raise ValueError(
                'write the serial number in quotes ("..."): as a number it loses leading zeros'
            )
        return value

    @property
    def frame_id(self) -> str:
        """Frame of the image: z forward, x right, y down (REP 103)."""
        return f"{self.namespace}_color_optical_frame"

    @property
    def arm(self) -> str | None:
        """Name of the arm that carries the camera; None for one that stands still."""
        return next((arm for arm in ARM_NAMES if self.parent.startswith(f"{arm}_")), None)


class Following(StrictModel):
    """When an arm is taken not to follow: it stays away from where it was led, and comes no nearer.

    Contact bends an arm, and a servo lags: both are within the defaults several times over.
    """

    joint_rad: Positive = Field(default=0.15, description="a joint may be this far away")
    gripper_m: Positive = Field(default=0.01, description="so may a gripper")
    contact_nm: Positive = Field(
        default=0.1, description="a gripper that presses with so much holds something: it obeys"
    )
    lag_s: Positive = Field(default=0.15, description="of the servos, behind what they are told")
    after_s: float = Field(default=0.4, ge=0.1, le=5.0, description="for how long it stays away")


class Limits(StrictModel):
    """Limits of all 14 joints, in the order of `HardwareConfig.joint_names`."""

    lower: tuple[float, ...] = Field(description="rad; gripper m")
    upper: tuple[float, ...] = Field(description="rad; gripper m")
    velocity: tuple[Positive, ...] = Field(description="rad/s; gripper m/s")
    acceleration: tuple[Positive, ...] = Field(description="rad/s^2; gripper m/s^2")
    jerk: tuple[Positive, ...] = Field(description="rad/s^3; gripper m/s^3")
    following: Following = Field(default_factory=Following)

    @model_validator(mode="after")
    def _ordered(self) -> Limits:
        for low, high in zip(self.lower, self.upper):
            if low >= high:
                text = f"lower limit {low} is not below upper limit {high}"
                raise Contradiction([ConfigProblem(("limits", "upper"), text)])
        return self


class Rates(StrictModel):
    """Rates (Hz) and ages (s) that all nodes share."""

    control_hz: Positive = Field(description="policy steps a second")
    state_hz: Positive = Field(description="joint feedback")
    gate_hz: Positive = Field(description="commands to an arm")
    max_image_age_s: Positive = Field(description="the policy does not act on an older frame")
    max_state_age_s: Positive = Field(description="nor on an older joint state; the gate holds")
    max_chunk_age_s: Positive = Field(description="a chunk observed longer ago is refused")


class ForbiddenBox(StrictModel):
    """A box that no part of an arm may enter. Corners in `footprint`, m."""

    lower: Vector3
    upper: Vector3

    @model_validator(mode="after")
    def _ordered(self) -> ForbiddenBox:
        if any(low >= high for low, high in zip(self.lower, self.upper)):
            raise ValueError(f"lower corner {self.lower} is not below upper corner {self.upper}")
        return self


class Workspace(StrictModel):
    """Where the arms may be. Metres, in `footprint`."""

    floor_z: float = Field(description="no part of an arm may be below, m")
    lower_xy: tuple[float, float] = Field(description="of the box in which the arms must stay, m")
    upper: Vector3 = Field(description="of the same box, m")
    min_arm_distance_m: Positive = Field(description="between the two arms")
    forbidden: dict[str, ForbiddenBox] = Field(default_factory=dict)

    @property
    def lower(self) -> Vector3:
        """Lower corner of the box in which the arms must stay, m."""
        return (*self.lower_xy, self.floor_z)

    @model_validator(mode="after")
    def _ordered(self) -> Workspace:
        if any(low >= high for low, high in zip(self.lower, self.upper)):
            raise ValueError(f"lower corner {self.lower} is not below upper corner {self.upper}")
        return self


class RecordingConfig(StrictModel):
    """How demonstrations are recorded, and what makes a take bad while it is recorded."""

    jpeg_quality: int = Field(ge=1, le=100, description="of the images")
    encoders: int = Field(ge=1, le=8, description="threads that encode images")
    max_waiting_pictures: int = Field(ge=3, le=300, description="received, not encoded yet")
    rate_tolerance: float = Field(gt=0, lt=1, description="a stream may be this much too slow")
    max_missing_images: float = Field(
        ge=0, lt=1, description="of a camera, of those that should have come"
    )
    max_image_gap_s: Positive = Field(description="between two images of a camera")
    max_state_gap_s: Positive = Field(description="between two joint states or commands of an arm")
    max_camera_skew_s: Positive = Field(description="between the cameras of one sample")
    max_joint_skew_s: Positive = Field(description="from an image to the nearest joint state")
    max_delay_s: Positive = Field(description="from capture to arrival")
    max_clock_step_s: Positive = Field(description="of the system's clock during a take")
    leaders_rest_silently: bool = Field(
        description="a leader that nobody moves says nothing, so nothing is expected of it"
    )
    min_free_disk_gb: Positive = Field(
        description="no take begins with less; one that runs ends at a quarter of it"
    )


class PlacementRegion(StrictModel):
    """Where the task's main object is placed: a rectangle in `footprint`, divided into cells."""

    x: tuple[float, float] = Field(description="of the object's middle, m, ahead of the robot")
    y: tuple[float, float] = Field(description="of the object's middle, m, to the left")
    rows: int = Field(ge=1, le=20, description="cells along x")
    columns: int = Field(ge=1, le=20, description="cells along y")
    yaw_deg: tuple[float, float] | None = Field(
        default=None,
        description="how far the object is turned, seen from above, anticlockwise positive; "
        "null: it looks alike from all sides",
    )
    either_way_round: bool = Field(default=False, description="also turned by 180 degrees more")
    also: str = Field(default="", description="how everything else is placed, for the operator")

    @model_validator(mode="after")
    def _ordered(self) -> PlacementRegion:
        for name in ("x", "y", "yaw_deg"):
            span = getattr(self, name)
            if span is not None and span[0] >= span[1]:
                raise ValueError(f"{name}: {span[0]} is not below {span[1]}")
        return self


class PlacementConfig(StrictModel):
    """The grid over which demonstrations and trials of a task are spread."""

    object: str = Field(min_length=1, description="what is placed by the grid, as people call it")
    facing: str = Field(default="", description="how it lies when it is turned by 0 degrees")
    regions: dict[str, PlacementRegion] = Field(min_length=1, description="one for each variant")


class TaskConfig(StrictModel):
    """One task of the cell."""

    name: str
    instruction: str = Field(min_length=1, description="what the policy is told")
    description: str
    env_id: str = Field(description="Gymnasium id of the task in the twin")
    arms: tuple[Literal["left", "right"], ...] = Field(min_length=1)
    time_limit_s: Positive
    success: str = Field(min_length=1, description="when a trial has succeeded, as it is judged")
    milestones: tuple[str, ...] = Field(
        min_length=1, description="steps on the way, in order; the last one is success"
    )
    variants: tuple[str, ...] = ("easy", "hard")
    placement: PlacementConfig | None = Field(
        default=None, description="where to place the main object; null: wherever one likes"
    )

    @model_validator(mode="after")
    def _region_of_each_variant(self) -> TaskConfig:
        regions = tuple(self.placement.regions) if self.placement else self.variants
        if sorted(regions) != sorted(self.variants):
            text = f"expected one for each of {', '.join(self.variants)}, got {', '.join(regions)}"
            raise Contradiction([ConfigProblem(("placement", "regions"), text)])
        return self

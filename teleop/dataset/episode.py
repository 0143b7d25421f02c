"""What is known of a take when it begins, when it ends, and of an episode when it is sealed."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hw_config import HardwareConfig
from teleop.errors import DatasetError, EpisodeDamaged
from teleop.writing import repair_command
from vega_core.provenance import GitState

FORMAT = 1
EPISODE_FILE = "episode.json"
TAKE_FILE = "take.json"
MCAP_FILE = "episode.mcap"
Outcome = Literal["success", "failure", "unjudged"]
RobotKind = Literal["sim", "emulated", "real"]
# Names of the MCAP metadata that the store writes, and of the attachments with hw_config's files.
LAYOUT_METADATA = "vega_layout"
TAKE_METADATA = "vega_take"
HARDWARE_PREFIX = "hw_config/"
EVENT_TOPIC = "/teleop/event"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DatasetLayout(_Record):
    """What all episodes of a dataset share.

    Attributes:
        robot: Type of the robot.
        joint_names: The 14 joints of state and action, in order.
        arms: Joints of each arm, in order.
        cameras: Dataset key of each camera, by its name, in order.
        namespaces: Namespace of each camera's topics, by its name.
    """

    robot: str = "cobot_magic"
    joint_names: tuple[str, ...] = Field(min_length=1)
    arms: dict[str, tuple[str, ...]]
    cameras: dict[str, str]
    namespaces: dict[str, str]

    @model_validator(mode="after")
    def _consistent(self) -> DatasetLayout:
        if self.cameras.keys() != self.namespaces.keys():
            raise ValueError("cameras and namespaces name different cameras")
        if self.joint_names != tuple(name for names in self.arms.values() for name in names):
            raise ValueError("joint_names are not the joints of the arms")
        return self

    @classmethod
    def of(cls, hardware: HardwareConfig) -> DatasetLayout:
        """The layout of the cell that hw_config describes."""
        return cls(
            joint_names=hardware.joint_names,
            arms={str(name): arm.joint_names for name, arm in hardware.arms.items()},
            cameras={str(name): c.dataset_key for name, c in hardware.cameras.items()},
            namespaces={str(name): c.namespace for name, c in hardware.cameras.items()},
        )

    def image_topic(self, camera: str) -> str:
        """Topic of a camera's images (sensor_msgs/CompressedImage)."""
        return f"/{self.namespaces[camera]}/image_raw/compressed"

    def camera_info_topic(self, camera: str) -> str:
        """Topic of a camera's calibration (sensor_msgs/CameraInfo)."""
        return f"/{self.namespaces[camera]}/camera_info"


def joint_topic(arm: str, role: str = "follower") -> str:
    """Topic of an arm's joints (sensor_msgs/JointState); role: follower or leader."""
    return f"/{arm}/{role}/joint_states"


def command_topic(arm: str) -> str:
    """Topic of what the gate sends to a follower (vega_msgs/ArmCommand)."""
    return f"/{arm}/follower/command"


class TakeStart(_Record):
    """What is known when a take begins.

    Attributes:
        task: Name of the task.
        instruction: What the policy will be told.
        operator: Who leads.
        start_ns: ROS time.
        robot: What stands behind the topics.
        topology: shared_bus or bus_per_arm.
        placement: Where the objects are (seed, variant, cell, description), if that was asked for.
        git: The code.
        versions: Of packages that matter, by name.
    """

    task: str = Field(min_length=1)
    instruction: str
    operator: str
    start_ns: int
    robot: RobotKind
    topology: str = "shared_bus"
    placement: dict[str, Any] | None = None
    git: GitState = GitState()
    versions: dict[str, str] = {}


class TakeEnd(_Record):
    """What is known when a take ends well.

    Attributes:
        end_ns: ROS time.
        outcome: How it went.
        notes: Of the operator.
        problems: What makes it bad, a sentence each.
        expected: Messages that should have come, by topic, where that is known.
    """

    end_ns: int
    outcome: Outcome = "unjudged"
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    expected: dict[str, int] = {}


class StreamInfo(_Record):
    """One topic of an episode, from its capture stamps."""

    count: int
    expected: int | None = None
    hz: float
    max_gap_s: float


class FileInfo(_Record):
    """The MCAP file as it was sealed."""

    file: str = MCAP_FILE
    bytes: int
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Recovered(_Record):
    """That an episode was repaired: why, and how much of its end is lost at most (s)."""

    reason: str
    lost_s: float


class EpisodeInfo(_Record):
    """A sealed episode (episode.json)."""

    format: Literal[1] = 1
    index: int = Field(ge=0)
    task: str
    instruction: str
    operator: str
    started: str = Field(description="UTC")
    ended: str = Field(description="UTC")
    start_ns: int = Field(description="ROS time")
    end_ns: int = Field(description="ROS time")
    duration_s: float = Field(ge=0)
    outcome: Outcome
    notes: tuple[str, ...] = ()
    placement: dict[str, Any] | None = None
    robot: RobotKind
    topology: str
    recovered: Recovered | None = None
    problems: tuple[str, ...] = ()
    streams: dict[str, StreamInfo]
    mcap: FileInfo
    git: GitState
    versions: dict[str, str]


class TakeRecord(_Record):
    """take.json: an unsealed take. `end` is there when it was being saved."""

    format: Literal[1] = 1
    index: int = Field(ge=0)
    started: str = Field(description="UTC")
    start: TakeStart
    end: TakeEnd | None = None


def folder_name(index: int) -> str:
    """Name of an episode's folder."""
    return f"{index:06d}"


def as_json(record: BaseModel) -> str:
    """A record as the text of its file."""
    return json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def as_metadata(record: BaseModel) -> dict[str, str]:
    """A record as MCAP metadata, with the checksum that the format lacks there."""
    text = as_json(record)
    return {"json": text, "crc32": f"{zlib.crc32(text.encode()):08x}"}


def of_metadata(values: dict[str, str]) -> str:
    """The text of a record that was written as metadata.

    Raises:
        EpisodeDamaged: It is missing, or its checksum is wrong.
    """
    text = values.get("json", "")
    if values.get("crc32") != f"{zlib.crc32(text.encode()):08x}":
        raise EpisodeDamaged("the checksum of its description is wrong")
    return text


def read_info(folder: Path) -> EpisodeInfo:
    """Reads episode.json of an episode's folder.

    Raises:
        EpisodeDamaged: It is missing or malformed, or belongs to another episode.
    """
    info = sealed_as(folder)
    if folder.name.isdecimal() and int(folder.name) != info.index:
        raise EpisodeDamaged(
            f"{folder / EPISODE_FILE}: says it is episode {info.index}; the folder was renamed, "
            f"and a repair gives it its name back: run {repair_command(folder.parent.parent)}"
        )
    return info


def sealed_as(folder: Path) -> EpisodeInfo:
    """Reads episode.json, whatever the folder's name.

    Raises:
        EpisodeDamaged: It is missing or malformed.
    """
    info: EpisodeInfo = _read(folder / EPISODE_FILE, EpisodeInfo)
    return info


def read_take(folder: Path) -> TakeRecord:
    """Reads take.json of an unsealed take's folder.

    Raises:
        EpisodeDamaged: It is missing or malformed.
    """
    return _read(folder / TAKE_FILE, TakeRecord)


def _read(path: Path, schema: Any) -> Any:
    try:
        return schema.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise EpisodeDamaged(f"{path} is missing") from None
    except OSError as error:
        raise EpisodeDamaged(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise EpisodeDamaged(f"{path}: {where + ': ' if where else ''}{first['msg']}") from None


def hardware_files(folder: Path) -> dict[str, str]:
    """Every YAML file of a hw_config folder, by its path within.

    Raises:
        DatasetError: The folder cannot be read.
    """
    try:
        return {
            str(path.relative_to(folder)): path.read_text(encoding="utf-8")
            for path in sorted(folder.rglob("*.yaml"))
        }
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{folder}: cannot be read ({error})") from None

"""What a LeRobot v3.0 dataset says of itself, compared with the robot that hw_config describes."""

import json
import shlex
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import hw_config
from hw_config import HardwareConfig
from vega_policy.contract import problems
from vega_policy.errors import DatasetError

INFO = Path("meta") / "info.json"
STATE, ACTION = "observation.state", "action"
_IMAGES = "observation.images."
_VERSION = "v3."
_ALOHA = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate")
SPELLINGS = (
    # joints 1-6 and gripper of an arm, as public datasets of the Cobot Magic spell them
    (*(f"{{arm}}_joint{n}" for n in range(1, 7)), "{arm}_gripper"),
    (*(f"{{arm}}_joint_{n}" for n in range(1, 7)), "{arm}_gripper"),
    (*(f"{{arm}}_joint{n}.pos" for n in range(1, 7)), "{arm}_gripper.pos"),
    (*(f"{{arm}}_joint_{n}.pos" for n in range(1, 7)), "{arm}_gripper.pos"),
    (*(f"{{arm}}_arm_joint_{n}_rad" for n in range(1, 7)), "{arm}_gripper_open"),
    (*(f"{{arm}}_{name}" for name in _ALOHA), "{arm}_gripper"),
)
_CAMERA_SUFFIXES = ("", "_rgb")


def convert_command(directory: Path, source: str = "lerobot", *more: str) -> str:
    """What makes a dataset of this robot's rate, names and units of a folder.

    Args:
        directory: The folder.
        source: Its format, of those that teleop.convert reads.
        more: Further arguments.
    """
    folder, rate = shlex.quote(str(directory)), f"{hw_config.load().rates.control_hz:g}"
    extra = "".join(f" {word}" for word in more)
    return f"python -m teleop.convert {folder} OUT --from {source} --task TASK --fps {rate}{extra}"


class Feature(BaseModel):
    """One column, or one camera."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    dtype: str
    shape: tuple[int, ...] = ()
    names: Any = None

    @property
    def flat_names(self) -> list[str] | None:
        """Names of the values; some writers put them into a group or a list of their own."""
        names = self.names
        if isinstance(names, dict) and len(names) == 1:
            names = next(iter(names.values()))
        if isinstance(names, list) and len(names) == 1 and isinstance(names[0], list):
            names = names[0]
        return [str(name) for name in names] if isinstance(names, list) else None


class Info(BaseModel):
    """meta/info.json, as far as it matters here."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    codebase_version: str
    fps: float = Field(gt=0)
    total_episodes: int
    data_path: str
    video_path: str | None = None
    features: dict[str, Feature]


def is_lerobot(directory: Path) -> bool:
    """Whether a folder is laid out as a LeRobot dataset of any version."""
    meta = directory / "meta"
    return (directory / INFO).exists() or any(
        (meta / name).exists() for name in ("tasks.parquet", "tasks.jsonl", "episodes")
    )


def read_info(directory: Path) -> Info:
    """Reads meta/info.json.

    Raises:
        DatasetError: It is missing or malformed, or the format is not v3.0.
    """
    path = directory / INFO
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DatasetError(
            f"{path} is missing: the dataset was not copied or written to its end"
        ) from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} is damaged ({error}): fetch the dataset again") from None
    version = content.get("codebase_version") if isinstance(content, dict) else None
    if not str(version).startswith(_VERSION):
        raise DatasetError(
            f"{directory} is a LeRobot dataset of format {version}, expected v3.0: convert it "
            f"({convert_command(directory)}) and train on OUT"
        )
    try:
        return Info.model_validate(content)
    except ValidationError as error:
        raise DatasetError(f"{path} is malformed: {problems(error)}") from None


def check_rate(directory: Path, info: Info, hw: HardwareConfig) -> None:
    """Compares the rate with the robot's.

    Raises:
        DatasetError: A policy trained on it would act at another rate than the robot.
    """
    if info.fps != float(hw.rates.control_hz):
        raise DatasetError(
            f"{directory} has {info.fps:g} steps a second, hw_config's control_hz is "
            f"{float(hw.rates.control_hz):g}: convert it to that rate "
            f"({convert_command(directory)}) and train on OUT, or set control_hz in rates.yaml to "
            "the dataset's"
        )


def check_joints(directory: Path, info: Info, hw: HardwareConfig) -> None:
    """Checks that states and actions are the robot's joints in the robot's order.

    Raises:
        DatasetError: They are not, or have no names; the text has both.
    """
    expected = list(hw.joint_names)
    known = [expected, *(_both_arms(spelling, hw) for spelling in SPELLINGS)]
    for key in (STATE, ACTION):
        feature = info.features.get(key)
        if feature is None:
            raise DatasetError(f"{directory} has no {key}: expected {len(expected)} values a step")
        names = feature.flat_names
        count = feature.shape[0] if feature.shape else 0
        if names is None:
            raise DatasetError(
                f"{directory}: {key} has {count} values without names, so their order is unknown: "
                f"write the names into {INFO}, expected {', '.join(expected)}; or, if this is "
                f"their order, convert it ({convert_command(directory)}) and train on OUT"
            )
        if names in known and count == len(expected):
            continue
        what = f"{len(names)} values" if len(names) != len(expected) else "other names or order"
        if sorted(names) in map(sorted, known):
            what = "another order"
        raise DatasetError(
            f"{directory}: {key} has {what}: {', '.join(names)}; expected {len(expected)}: "
            f"{', '.join(expected)}. Convert it ({convert_command(directory)}) and train on OUT"
        )


def video_keys(directory: Path, info: Info, hw: HardwareConfig) -> dict[str, str]:
    """The feature of each camera, in the robot's order.

    Raises:
        DatasetError: One is missing or holds no video.
    """
    found = {}
    for name, camera in hw.cameras.items():
        names = [f"{_IMAGES}{camera.dataset_key}{suffix}" for suffix in _CAMERA_SUFFIXES]
        key = next((key for key in names if key in info.features), None)
        if key is None:
            there = [key for key in info.features if key.startswith(_IMAGES)]
            command = convert_command(directory, "lerobot", "--map", f"{camera.dataset_key}=KEY")
            raise DatasetError(
                f"{directory} has no {names[0]} (camera {name} of hw_config), only "
                f"{', '.join(there) or 'no camera at all'}: if one of these is that camera, "
                f"convert it ({command}) and train on OUT"
            )
        kind = info.features[key].dtype
        if kind != "video" or info.video_path is None:
            raise DatasetError(
                f"{directory}: {key} is stored as {kind}, expected video: convert it "
                f"({convert_command(directory)}) and train on OUT"
            )
        found[str(name)] = key
    return found


def _both_arms(spelling: tuple[str, ...], hw: HardwareConfig) -> list[str]:
    return [name.format(arm=arm) for arm in hw.arms for name in spelling]

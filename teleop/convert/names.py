"""What another project calls this robot's cameras and joints."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import hw_config
from teleop.export.demonstration import ExportError

OVERVIEW = ("high", "top", "front", "head", "overhead", "main", "base", "exterior")
"""Words for a camera that is on no arm."""
WRIST = ("wrist", "hand", "gripper")
_NOISE = {"observation", "observations", "images", "image", "img", "cam", "camera", "rgb", "color"}
_NOISE |= {"colour", "raw", "video", "view"}
_ALOHA = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate")
_OTHER_QUANTITY = re.compile(
    r"(?:^|[^a-z])(?:vel|velocity|qvel|effort|torque|current|ee|eef|pose|quat|tcp|xyz|rpy)"
    r"(?:[^a-z]|$)"
)


def camera_keys() -> tuple[str, ...]:
    """Dataset keys of this cell's cameras, in order."""
    return tuple(camera.dataset_key for camera in hw_config.load().cameras.values())


def words(key: str) -> frozenset[str]:
    """The words of a camera's key that say which one it is."""
    return frozenset(re.split(r"[^a-z0-9]+", key.lower())) - _NOISE - {""}


def find_cameras(there: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """The source's key of each of the cell's cameras, by dataset key.

    Args:
        there: Keys of the source's images.
        given: Keys that somebody named, by dataset key.

    Raises:
        ExportError: One is not to be found or not to be told from another; the text lists what is
            there and how to name it.
    """
    found: dict[str, str] = {}
    cameras = hw_config.load().cameras.values()
    # A cell with several overview cameras has no usual names: only the first one is guessed.
    overview = next((camera.dataset_key for camera in cameras if camera.arm is None), None)
    for camera in cameras:
        key = camera.dataset_key
        if key in given:
            matches = [each for each in there if given[key] in (each, each.rsplit(".", 1)[-1])]
        else:
            matches = [each for each in there if each.rsplit(".", 1)[-1] == key] or [
                each for each in there if _is_camera(each, key, camera.arm, key == overview)
            ]
        if len(matches) != 1:
            what = "several that could be" if matches else "no"
            raise ExportError(
                f"has {what} {key}: name it with --map {key}=KEY, one of "
                f"{', '.join(matches or there) or 'none'}"
            )
        found[key] = matches[0]
    if len(set(found.values())) < len(found):
        said = ", ".join(f"{key}={value}" for key, value in found.items())
        raise ExportError(f"two cameras have the same images ({said}): name them with --map")
    return found


def _is_camera(source: str, key: str, arm: str | None, is_overview: bool) -> bool:
    said = words(source)
    if said == words(key):
        return True
    if arm is not None:
        return arm in said and said <= {arm, *WRIST}
    return is_overview and bool(said & set(OVERVIEW)) and not said & set(WRIST)


def joint_places(names: Sequence[str] | None, count: int) -> tuple[list[int], str]:
    """Where the robot's joints are in a source's vectors.

    Args:
        names: Of the source's values; None where it does not say.
        count: Of values.

    Returns:
        Places in the robot's order, and what was assumed (empty if the names said it).

    Raises:
        ExportError: They cannot be told.
    """
    hw = hw_config.load()
    robot = hw.joint_names
    read = [_joint(name, tuple(hw.arms)) for name in names or ()]
    numbers = {number for joint in read if joint for number in [joint[1]] if number >= 0}
    shift = 1 if 0 in numbers else 0
    places = {
        f"{arm}_gripper" if number < 0 else f"{arm}_joint{number + shift}": place
        for place, (arm, number) in reversed(
            [(place, joint) for place, joint in enumerate(read) if joint]
        )
    }
    known = [places.get(name) for name in robot]
    if all(place is not None for place in known):
        return [place for place in known if place is not None], ""
    if count == len(robot):
        said = f" ({', '.join(map(str, names))})" if names else ""
        return list(range(count)), (
            f"the order of the {count} values is not known from their names{said}: assumed "
            f"{', '.join(robot)}"
        )
    raise ExportError(
        f"has {count} values a step ({', '.join(names or ()) or 'without names'}), expected the "
        f"robot's {len(robot)}: name the part with --map state=KEY[FROM:TO] action=KEY[FROM:TO]"
    )


def _joint(name: str, known_arms: Sequence[str]) -> tuple[str, int] | None:
    """Arm and joint number (a gripper's is -1) of a name like left_joint_1.pos."""
    text = name.lower()
    arms = [arm for arm in known_arms if re.search(rf"(?<![a-z]){arm}(?![a-z])", text)]
    if len(arms) != 1 or _OTHER_QUANTITY.search(text):
        return None
    if "gripper" in text:
        return arms[0], -1
    for number, joint in enumerate(_ALOHA, start=1):
        if joint in text:
            return arms[0], number
    digits = re.findall(r"\d+", text)
    return (arms[0], int(digits[-1])) if digits and int(digits[-1]) <= 6 else None

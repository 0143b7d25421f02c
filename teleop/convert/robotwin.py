"""Reads HDF5 files of RoboTwin 2.0, of both layouts.

The older: ``joint_action/*`` and ``observation/<camera>/rgb``, the instructions in a JSON file
beside. The newer (August 2026): ``state/*``, ``vision/<camera>/colors``, instructions within.
Images were made by cv2.imencode of RGB arrays, from which only cv2.imdecode makes RGB, until late
2026; since then each has a comment segment that says that its colours are right in any viewer. Both
kinds may stand in one file. Grippers are 0 (closed) to 1 (open). The action is the next state.

Physics runs at 250 Hz. A step is 15 physics steps, unless ``additional_info/frequency`` of a newer
file says another number: despite its name it is that number, not a rate.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from teleop.convert.formats import ImportOptions, positive_rate
from teleop.convert.hdf5_source import (
    Hdf5Images,
    check_images,
    numbered_files,
    part,
    reading,
)
from teleop.convert.names import camera_keys
from teleop.convert.streams import Series, SourceEpisode, regular_stamps
from teleop.convert.units import (
    KEPT_AS_IT_IS,
    check_grippers,
    check_joints,
    in_robot_units,
    outside_limits,
)
from teleop.export.demonstration import ActionSource, ExportError
from vega_core.files import sha256_of

PATTERN = r"episode_?(\d+)\.hdf5"
PHYSICS_HZ = 250.0
PHYSICS_STEPS = 15.0
"""Of a step, where the file does not say."""
_FREQUENCY = "additional_info/frequency"
_OLD_CAMERAS = ("head_camera", "left_camera", "right_camera")
_NEW_CAMERAS = ("cam_head", "cam_left_wrist", "cam_right_wrist")
_OLD_PARTS = ("left_arm", "left_gripper", "right_arm", "right_gripper")
_NEW_PARTS = (
    "left_arm_joint_states",
    "left_ee_joint_states",
    "right_arm_joint_states",
    "right_ee_joint_states",
)


class RobotWin:
    """Files of both layouts."""

    actions: tuple[ActionSource, ...] = ("follower",)
    gripper_scale: float | None = None
    options = frozenset({"source_fps", "standard_jpeg"})

    def episodes(self, folder: Path, options: ImportOptions) -> list[tuple[int, Path]]:
        """Of a folder of files, or of one that has them in ``data/``."""
        inner = folder / "data"
        return numbered_files(inner if inner.is_dir() else folder, PATTERN)

    def without_leader(self, folder: Path, options: ImportOptions) -> str:
        return "RoboTwin has no leader"

    def read(self, number: int, path: Path, options: ImportOptions) -> SourceEpisode:
        with reading(path) as file:
            try:
                return _episode(number, path, file, options)
            except ExportError as error:
                raise ExportError(f"{path}: {error}") from None


FORMAT = RobotWin()


def _episode(number: int, path: Path, file: h5py.File, options: ImportOptions) -> SourceEpisode:
    is_new = "vision" in file
    rate = options.rate or _rate(file)
    group, parts = ("state", _NEW_PARTS) if is_new else ("joint_action", _OLD_PARTS)
    state = in_robot_units(_joined(file, group, parts), options.gripper_scale, options.degrees)
    notes = []
    if options.gripper_scale != KEPT_AS_IT_IS:
        check_grippers(state)
        notes.append(outside_limits(state, "states"))
    check_joints(state)
    cameras, place = (
        (_NEW_CAMERAS, "vision/{}/colors") if is_new else (_OLD_CAMERAS, "observation/{}/rgb")
    )
    places = {key: place.format(name) for key, name in zip(camera_keys(), cameras)}
    check_images(file, places, len(state))
    stamps = regular_stamps(len(state), rate)
    return SourceEpisode(
        name=str(path),
        digest=sha256_of(path),
        task=options.task,
        instruction=options.instruction or _instruction(number, path, file, is_new),
        fps=rate,
        state=Series(stamps, state),
        leader=None,
        images=Hdf5Images(path, places, dict.fromkeys(places, stamps), options.standard_jpeg, {}),
        facts={
            "robot": "sim",
            "layout": "new" if is_new else "old",
            "source_fps": rate,
            "gripper_scale": options.gripper_scale,
        },
        notes=tuple(filter(None, notes)),
    )


def _rate(file: h5py.File) -> float:
    steps: Any = PHYSICS_STEPS
    if _FREQUENCY in file:
        steps = np.asarray(part(file, _FREQUENCY)[()]).reshape(-1)
        steps = steps[0] if len(steps) == 1 else None
    return PHYSICS_HZ / positive_rate(steps, _FREQUENCY)


def _joined(file: h5py.File, group: str, parts: tuple[str, ...]) -> NDArray[Any]:
    pieces = [_columns(part(file, f"{group}/{name}")[()]) for name in parts]
    lengths = [len(piece) for piece in pieces]
    if len(set(lengths)) > 1:
        said = ", ".join(f"{name} {length}" for name, length in zip(parts, lengths))
        raise ExportError(f"{group} has parts of several lengths: {said}")
    return np.concatenate(pieces, axis=1)


def _columns(values: NDArray[Any]) -> NDArray[Any]:
    return values[:, None] if values.ndim == 1 else values


def _instruction(number: int, path: Path, file: h5py.File, is_new: bool) -> str:
    """One of the episode's own; episodes take turns through their lists."""
    if is_new:
        known = _json(part(file, "instructions").asstr()[()])
    else:
        beside = path.parent.parent / "instructions" / f"episode{number}.json"
        try:
            known = json.loads(beside.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise ExportError(
                f"{beside} has no instructions: restore it or give --instruction"
            ) from None
    if isinstance(known, dict):
        known = known.get("seen")
    listed = [known] if isinstance(known, str) else known if isinstance(known, list) else []
    texts = [text for text in listed if isinstance(text, str) and text.strip()]
    if not texts:
        raise ExportError("has no instructions: give --instruction")
    return texts[number % len(texts)]


def _json(stored: Any) -> Any:
    """What is stored: JSON, or one instruction as plain text, or an array of them."""
    if not isinstance(stored, str):
        return np.asarray(stored).reshape(-1).tolist()
    try:
        return json.loads(stored)
    except ValueError:
        return stored

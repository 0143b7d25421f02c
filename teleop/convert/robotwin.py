"""Reads HDF5 files of RoboTwin 2.0, of both layouts.

The older: ``joint_action/*`` and ``observation/<camera>/rgb``, the instructions in a JSON file
beside. The newer (August 2026): ``state/*``, ``vision/<camera>/colors``, instructions within.
Images were made by cv2.imencode of RGB arrays: cv2.imdecode gives RGB, any other decoder
exchanges red and blue. Grippers are 0 (closed) to 1 (open). The action is the next state.

A step is 15 physics steps of 1/250 s, so there are 16.7 a second. The newer files call these 15
their frequency; it is not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from teleop.convert.formats import ImportOptions
from teleop.convert.source import (
    SourceRates,
    SourceSteps,
    camera_keys,
    check_grippers,
    check_images,
    numbered_files,
    part,
    prepared,
    reading,
    with_gripper_scale,
)
from teleop.export.demonstration import ActionSource, ExportError, Prepared

PATTERN = r"episode_?(\d+)\.hdf5"
FPS = 250.0 / 15.0
KEPT_AS_IT_IS = 1.0
"""Gripper scale that leaves 0..1."""
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

    def files(self, folder: Path) -> list[tuple[int, Path]]:
        """Of a folder of files, or of one that has them in ``data/``."""
        inner = folder / "data"
        return numbered_files(inner if inner.is_dir() else folder, PATTERN)

    def prepare(self, number: int, path: Path, options: ImportOptions) -> Prepared:
        rate = options.rate or FPS
        with reading(path) as file:
            try:
                is_new = "vision" in file
                steps = _steps(file, is_new, options.gripper_scale)
                check_images(file, steps)
                instruction = options.instruction or _instruction(number, path, file, is_new)
            except ExportError as error:
                raise ExportError(f"{path}: {error}") from None
        facts = {"robot": "sim", "layout": "new" if is_new else "old", "source_fps": rate}
        facts |= {"gripper_scale": options.gripper_scale}
        rates = SourceRates(rate, options.fps)
        return prepared(path, steps, rates, options.action, options.task, instruction, facts)


FORMAT = RobotWin()


def _steps(file: h5py.File, is_new: bool, gripper_scale: float) -> SourceSteps:
    group, parts = ("state", _NEW_PARTS) if is_new else ("joint_action", _OLD_PARTS)
    pieces = [_columns(part(file, f"{group}/{name}")[()]) for name in parts]
    state = with_gripper_scale(np.concatenate(pieces, axis=1), gripper_scale)
    if gripper_scale != KEPT_AS_IT_IS:
        check_grippers(state)
    cameras, place = (
        (_NEW_CAMERAS, "vision/{}/colors") if is_new else (_OLD_CAMERAS, "observation/{}/rgb")
    )
    return SourceSteps(
        state=state,
        leader=None,
        leader_ahead=0,
        cameras={key: place.format(name) for key, name in zip(camera_keys(), cameras)},
        coding="swapped_jpeg",
    )


def _columns(values: NDArray[Any]) -> NDArray[Any]:
    return values[:, None] if values.ndim == 1 else values


def _instruction(number: int, path: Path, file: h5py.File, is_new: bool) -> str:
    """One of the episode's own; episodes take turns through their lists."""
    if is_new:
        known = json.loads(part(file, "instructions").asstr()[()])
    else:
        beside = path.parent.parent / "instructions" / f"episode{number}.json"
        try:
            known = json.loads(beside.read_text(encoding="utf-8"))["seen"]
        except (OSError, json.JSONDecodeError, KeyError, TypeError):
            raise ExportError(
                f"{beside} has no instructions: restore it or give --instruction"
            ) from None
    known = [text for text in known if text]
    if not known:
        raise ExportError("has no instructions: give --instruction")
    return str(known[number % len(known)])

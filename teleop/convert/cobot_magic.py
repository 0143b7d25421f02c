"""Reads HDF5 files of Cobot Magic's and ALOHA's recorders (and our own in that layout).

The leader's positions in a row of ``/action`` were read one tick after the row's observation,
because the recorder keeps the first observation but not its action. They are moved back to the
observation of their own time, and the first row is left out. Compressed images were made by
cv2.imencode of RGB arrays, so cv2.imdecode gives RGB and any other decoder exchanges red and blue.
"""

from __future__ import annotations

from pathlib import Path

import h5py

import hw_config
from teleop.convert.formats import ImportOptions
from teleop.convert.source import (
    Coding,
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

PATTERN = r"episode_(\d+)\.hdf5"
FPS = 30.0
"""Of the recorder, unless it is told otherwise; its files do not say."""
_AHEAD = 1


class CobotMagic:
    """Files of the recorders of Cobot Magic and ALOHA."""

    actions: tuple[ActionSource, ...] = ("leader", "follower")
    gripper_scale: float | None = 1.0

    def files(self, folder: Path) -> list[tuple[int, Path]]:
        return numbered_files(folder, PATTERN)

    def prepare(self, number: int, path: Path, options: ImportOptions) -> Prepared:
        with reading(path) as file:
            try:
                steps = _steps(file, options)
                check_images(file, steps)
            except ExportError as error:
                raise ExportError(f"{path}: {error}") from None
            attributes = dict(file.attrs)
        rate = options.rate or float(attributes.get("fps", FPS))
        instruction = options.instruction or _usual(options.task) or attributes.get("instruction")
        if instruction is None:
            raise ExportError(
                f"{path}: does not say what the operator was told: give --instruction"
            )
        facts = {
            "robot": "sim" if attributes.get("sim") else "real",
            "source_fps": rate,
            "leader_ahead": steps.leader_ahead,
            "coding": steps.coding,
        }
        rates = SourceRates(rate, options.fps)
        return prepared(path, steps, rates, options.action, options.task, str(instruction), facts)


FORMAT = CobotMagic()


def _usual(task: str) -> str | None:
    """The instruction of a task of this cell."""
    return hw_config.load_task(task).instruction if task in hw_config.task_names() else None


def _steps(file: h5py.File, options: ImportOptions) -> SourceSteps:
    if file.attrs.get("action_source", "leader") != "leader" and options.action == "leader":
        raise ExportError("/action holds the follower's next positions: give --action follower")
    state = with_gripper_scale(part(file, "observations/qpos")[()], options.gripper_scale)
    leader = with_gripper_scale(part(file, "action")[()], options.gripper_scale)
    if len(leader) != len(state):
        raise ExportError(f"{len(leader)} actions for {len(state)} observations")
    check_grippers(state)
    coding: Coding = "rgb"
    if file.attrs.get("compress", False):
        coding = "jpeg" if options.standard_jpeg else "swapped_jpeg"
    return SourceSteps(
        state=state,
        leader=leader,
        leader_ahead=int(file.attrs.get("action_steps_ahead", _AHEAD)),
        cameras={key: f"observations/images/{key}" for key in camera_keys()},
        coding=coding,
    )

"""Reads HDF5 files of Cobot Magic's and ALOHA's recorders (and our own in that layout).

The leader's positions in a row of ``/action`` were read one tick after the row's observation,
because the recorder keeps the first observation but not its action. They are given the time at
which they were read. Compressed images were made by cv2.imencode of RGB arrays, so cv2.imdecode
gives RGB and any other decoder exchanges red and blue.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import h5py

import hw_config
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
from teleop.convert.units import check_grippers, check_joints, in_robot_units, outside_limits
from teleop.export.demonstration import ActionSource, ExportError
from vega_core.files import sha256_of

PATTERN = r"episode_(\d+)\.hdf5"
FPS = 30.0
"""Of the recorder, unless it is told otherwise; its files do not say."""
_AHEAD = 1


class CobotMagic:
    """Files of the recorders of Cobot Magic and ALOHA."""

    actions: tuple[ActionSource, ...] = ("leader", "follower")
    gripper_scale: float | None = 1.0
    options = frozenset({"source_fps", "standard_jpeg"})

    def episodes(self, folder: Path, options: ImportOptions) -> list[tuple[int, Path]]:
        return numbered_files(folder, PATTERN)

    def without_leader(self, folder: Path, options: ImportOptions) -> str:
        for _, path in self.episodes(folder, options):
            with contextlib.suppress(ExportError), reading(path) as file:
                return _without_leader(file)
        return ""

    def read(self, number: int, path: Path, options: ImportOptions) -> SourceEpisode:
        with reading(path) as file:
            try:
                return _episode(path, file, options)
            except ExportError as error:
                raise ExportError(f"{path}: {error}") from None


FORMAT = CobotMagic()


def _episode(path: Path, file: h5py.File, options: ImportOptions) -> SourceEpisode:
    attributes = dict(file.attrs)
    rate = options.rate or positive_rate(attributes.get("fps", FPS), "the attribute fps")
    missing = _without_leader(file)
    if missing and options.action == "leader":
        raise ExportError(f"{missing}: give --action follower")
    state = in_robot_units(
        part(file, "observations/qpos")[()], options.gripper_scale, options.degrees
    )
    leader = in_robot_units(part(file, "action")[()], options.gripper_scale, options.degrees)
    if len(leader) != len(state):
        raise ExportError(f"{len(leader)} actions for {len(state)} observations")
    check_grippers(state)
    check_joints(state)
    places = {key: f"observations/images/{key}" for key in camera_keys()}
    compressed = check_images(file, places, len(state))
    ahead = int(attributes.get("action_steps_ahead", _AHEAD))
    stamps = regular_stamps(len(state) + ahead, rate)
    own = stamps[: len(state)]
    coding = ("jpeg" if options.standard_jpeg else "swapped_jpeg") if compressed else "rgb"
    return SourceEpisode(
        name=str(path),
        digest=sha256_of(path),
        task=options.task,
        instruction=_instruction(options, attributes.get("instruction")),
        fps=rate,
        state=Series(own, state),
        leader=Series(stamps[ahead:], leader),
        images=Hdf5Images(path, places, dict.fromkeys(places, own), options.standard_jpeg, {}),
        facts={
            "robot": "sim" if attributes.get("sim") else "real",
            "source_fps": rate,
            "leader_ahead": ahead,
            "coding": coding,
        },
        notes=tuple(filter(None, [outside_limits(state, "states")])),
    )


def _without_leader(file: h5py.File) -> str:
    if file.attrs.get("action_source", "leader") == "leader":
        return ""
    return "/action holds the follower's next positions"


def _instruction(options: ImportOptions, said: object) -> str:
    """What the command says, or the cell's task of this name, or the file."""
    if options.instruction is not None:
        return options.instruction
    if options.task in hw_config.task_names():
        return hw_config.load_task(options.task).instruction
    if not isinstance(said, str) or not said.strip():
        raise ExportError("does not say what the operator was told: give --instruction")
    return said

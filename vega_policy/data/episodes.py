"""Demonstration episodes, whatever files they come from."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from vega_policy.errors import DatasetError

SCENE_KEYS = ("depth", "segmentation", "camera_pose")


class TaskChange(NamedTuple):
    """From this step on the operator was told something else."""

    step: int
    task: str
    instruction: str


class Episode(NamedTuple):
    """One demonstration without its images.

    Attributes:
        name: Within its dataset.
        state: [T, D] float32, rad, gripper in m.
        action: [T, D] float32.
        image_index: [N] int64, steps that have images.
        instruction: What the operator was told.
        task: Name of the task.
        joint_names: Order of D.
        camera_names: Order of views.
        fps: Steps a second.
        success: Whether the task was done in the end.
        has_scene: Whether depth, segmentation and poses are there.
        later_tasks: Changes of task and instruction within the episode, in order.
    """

    name: str
    state: NDArray[np.float32]
    action: NDArray[np.float32]
    image_index: NDArray[np.int64]
    instruction: str
    task: str
    joint_names: tuple[str, ...]
    camera_names: tuple[str, ...]
    fps: float
    success: bool
    has_scene: bool
    later_tasks: tuple[TaskChange, ...] = ()

    @property
    def tasks(self) -> tuple[TaskChange, ...]:
        """What the operator was told, and from which step on."""
        return (TaskChange(0, self.task, self.instruction), *self.later_tasks)


class Views(NamedTuple):
    """Some images of one view.

    Attributes:
        camera: Position of the view.
        first: Position of the first image among those of the episode.
        images: uint8 [n, H, W, 3].
    """

    camera: int
    first: int
    images: NDArray[np.uint8]


class Source(Protocol):
    """A dataset's files: episodes first, the images of one episode when they are asked for."""

    def episodes(self) -> list[Episode]:
        """All episodes in their order, failures too.

        Raises:
            DatasetError: A file is missing, damaged or not of the expected form.
        """

    def views(self, episode: Episode) -> Iterator[Views]:
        """The images of an episode at its ``image_index``, squashed as at inference.

        Raises:
            DatasetError: They are missing, damaged or of another form than the episode says.
        """

    def scene(self, episode: Episode) -> Mapping[str, NDArray]:
        """Depth, segmentation and camera poses [N, V, ...]; nothing where they are not known."""

    def stamp(self, episode: Episode) -> str:
        """Changes whenever the files of the images may have changed."""

    def digest(self, episode: Episode) -> str:
        """A short digest of everything but the images, of which it has the files' size only."""


def check(episode: Episode, where: Path | str) -> None:
    """Checks what must hold for any episode.

    Raises:
        DatasetError: Lengths disagree, values are not finite, or the rate is none; the text begins
            with ``where``.
    """
    if not (np.isfinite(episode.fps) and episode.fps > 0):
        raise DatasetError(f"{where}: fps is {episode.fps:g}, expected a number above 0")
    if episode.state.ndim != 2:
        raise DatasetError(
            f"{where}: state has shape {episode.state.shape}, expected steps and joints"
        )
    steps, dim = episode.state.shape
    if episode.action.shape != (steps, dim) or dim != len(episode.joint_names):
        raise DatasetError(
            f"{where}: state {episode.state.shape}, action {episode.action.shape} and "
            f"{len(episode.joint_names)} joint names do not belong together"
        )
    index = episode.image_index
    if len(index) == 0 or index.min() < 0 or index.max() >= steps:
        raise DatasetError(f"{where}: image_index must lie within the {steps} steps")
    for name, values in (("state", episode.state), ("action", episode.action)):
        if not np.isfinite(values).all():
            raise DatasetError(f"{where}: {name} holds non-finite values")


def digest(episode: Episode, *files: object) -> str:
    """A short digest of an episode and of what is known of the files of its images."""
    found = hashlib.sha256()
    for array in (episode.state, episode.action, episode.image_index):
        found.update(np.ascontiguousarray(array).tobytes())
    facts = (episode.instruction, episode.task, episode.joint_names, episode.camera_names)
    found.update(json.dumps([*facts, episode.fps, *episode.later_tasks, *files]).encode())
    return found.hexdigest()[:16]

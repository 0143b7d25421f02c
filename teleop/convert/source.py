"""What files of other projects have in common: numbered HDF5 files, steps at one rate, images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

import hw_config
from teleop import resample
from teleop.export.demonstration import (
    ActionSource,
    Demonstration,
    ExportError,
    Image,
    Layout,
    Prepared,
    StepImage,
)
from teleop.export.images import rgb_of_swapped_jpeg, size
from vega_core.files import sha256_of
from vega_core.stamps import NS

Coding = Literal["rgb", "swapped_jpeg", "jpeg"]
"""RGB arrays, JPEG files made of RGB arrays by cv2.imencode, or JPEG files any viewer shows."""
ROBOT_TYPE = "cobot_magic"
WIDEST_GRIPPER_M = 0.11
"""Beyond this a gripper's opening is no Piper's in metres."""
_DIMENSION = 14
_GRIPPERS = [6, 13]


@dataclass(frozen=True)
class SourceRates:
    """Steps a second of the source, and of the output.

    Without `output` every step is kept, and the output's rate is the source's as a whole number.
    """

    source: float
    output: int | None

    @property
    def fps(self) -> int:
        return round(self.source) if self.output is None else self.output


@dataclass(frozen=True)
class SourceSteps:
    """N steps of a file. `leader` is None where the next state is the action.

    Attributes:
        state: [N, 14] float32.
        leader: [N, 14] float32, or None.
        leader_ahead: Ticks from the state of a row to the leader's positions in it.
        cameras: Place of each camera's images in the file, by dataset key.
        coding: Of the images.
    """

    state: NDArray[np.float32]
    leader: NDArray[np.float32] | None
    leader_ahead: int
    cameras: Mapping[str, str]
    coding: Coding


@dataclass(frozen=True)
class FileImages:
    """Chosen rows of images in an HDF5 file."""

    path: Path
    cameras: Mapping[str, str]
    coding: Coding
    rows: NDArray[np.int64]

    def read(self) -> Iterator[StepImage]:
        with reading(self.path) as file:
            for camera, place in self.cameras.items():
                images = file[place]
                for step, row in enumerate(self.rows.tolist()):
                    yield StepImage(camera, step, _image(images[row], self.coding))


def _image(stored: Any, coding: Coding) -> Image:
    if coding == "rgb":
        return np.asarray(stored, dtype=np.uint8)
    data = stored if isinstance(stored, bytes) else np.asarray(stored, np.uint8).tobytes()
    return data if coding == "jpeg" else rgb_of_swapped_jpeg(data)


@contextmanager
def reading(path: Path) -> Iterator[h5py.File]:
    """Opens a file; what is wrong with it becomes an ExportError that names it."""
    try:
        with h5py.File(path, "r") as file:
            yield file
    except ExportError:
        raise
    except (OSError, ValueError) as error:
        raise ExportError(f"{path}: cannot be read ({error})") from None


def numbered_files(folder: Path, pattern: str) -> list[tuple[int, Path]]:
    """Files by the number in their names, which is not the order of the names.

    Args:
        folder: Where they are.
        pattern: Regular expression of a name; its group is the number.

    Raises:
        ExportError: There are none.
    """
    if not folder.is_dir():
        raise ExportError(f"{folder} is no folder: give the one with the HDF5 files")
    found = []
    for path in folder.iterdir():
        match = re.fullmatch(pattern, path.name)
        if match:
            found.append((int(match[1]), path))
    if not found:
        example = re.sub(r"\(.*?\)", "0", pattern).replace("\\", "")
        raise ExportError(f"{folder} has no file like {example}: give the folder with those files")
    return sorted(found)


def camera_keys() -> tuple[str, ...]:
    """Dataset keys of this cell's cameras, in order: head, left wrist, right wrist."""
    return tuple(camera.dataset_key for camera in hw_config.load().cameras.values())


def part(file: h5py.File, place: str) -> h5py.Dataset:
    """A dataset of a file.

    Raises:
        ExportError: It is not there.
    """
    if place not in file:
        raise ExportError(f"has no {place}: is --from right?")
    return file[place]


def with_gripper_scale(values: NDArray[Any], scale: float) -> NDArray[np.float32]:
    """Vectors [N, 14], their grippers multiplied.

    Raises:
        ExportError: They are no such vectors, or not finite.
    """
    if values.ndim != 2 or values.shape[1] != _DIMENSION:
        raise ExportError(f"expected joint vectors [N, {_DIMENSION}], got {list(values.shape)}")
    made = values.astype(np.float32)
    made[:, _GRIPPERS] *= np.float32(scale)
    if not np.isfinite(made).all():
        raise ExportError("a joint position is not finite")
    return made


def check_grippers(state: NDArray[np.float32]) -> None:
    """Refuses openings that are not in metres, such as the radians of older arms."""
    widest = float(np.abs(state[:, _GRIPPERS]).max(initial=0.0))
    if widest > WIDEST_GRIPPER_M:
        raise ExportError(
            f"grippers reach {widest:.3g}, in metres expected at most {WIDEST_GRIPPER_M}: say with "
            "--gripper-scale how many metres a unit is"
        )


def prepared(
    path: Path,
    steps: SourceSteps,
    rates: SourceRates,
    action: ActionSource,
    task: str,
    instruction: str,
    facts: Mapping[str, Any],
) -> Prepared:
    """A file as a demonstration.

    Args:
        path: The file.
        steps: What is in it.
        rates: Of the source and of the output.
        action: follower: the next step's state; leader: the leader's positions at the same time.
        task: Its name.
        instruction: What the operator was told.
        facts: What else the metadata says of it.

    Raises:
        ExportError: It has no leader, too few steps, or images are missing.
    """
    shift = steps.leader_ahead if action == "leader" else 0
    stamps = np.rint(np.arange(len(steps.state)) * (NS / rates.source)).astype(np.int64)[shift:]
    rows = np.arange(shift, len(steps.state))
    if rates.output is not None and len(rows) > 1:
        match = resample.nearest(stamps, resample.grid([stamps], rates.output))
        rows = rows[match.samples]
    kept = rows if action == "leader" else rows[:-1]
    if len(kept) < 2:
        raise ExportError(f"{path}: too short: {len(steps.state)} steps")
    if action == "follower":
        acted = steps.state[rows[1:]]
    elif steps.leader is None:
        raise ExportError(f"{path}: has no leader: give --action follower")
    else:
        # A row's leader was read `shift` ticks after its state: it belongs to that later state.
        acted = steps.leader[kept - shift]
    images = FileImages(path, steps.cameras, steps.coding, kept)
    height, width = size(next(images.read()).image)
    zeros = np.zeros_like(steps.state[kept])
    layout = Layout(
        joint_names=hw_config.load().joint_names,
        cameras=tuple(steps.cameras),
        height=height,
        width=width,
        fps=rates.fps,
        robot_type=ROBOT_TYPE,
    )
    demonstration = Demonstration(
        name=str(path),
        digest=sha256_of(path),
        task=task,
        instruction=instruction,
        stamps_ns=np.rint(kept * (NS / rates.source)).astype(np.int64),
        state=steps.state[kept],
        action=acted,
        velocity=zeros,
        effort=zeros,
        images=images,
        facts=facts,
    )
    return Prepared(layout, demonstration)


def check_images(file: h5py.File, steps: SourceSteps) -> None:
    """Refuses a file whose cameras have fewer images than there are steps."""
    for key, place in steps.cameras.items():
        count = len(part(file, place))
        if count != len(steps.state):
            raise ExportError(f"{key} has {count} images for {len(steps.state)} steps")

"""One demonstration at a common rate, whatever it came from, and what all of a dataset share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from teleop.errors import TeleopError

ActionSource = Literal["follower", "leader"]
Image = bytes | NDArray[np.uint8]
"""A JPEG file whose colours are those any viewer shows, or RGB [H, W, 3]."""


class ExportError(TeleopError):
    """What was recorded cannot be exported as asked, or the output cannot be written."""


class Refused(ExportError):
    """The data are damaged, or do not fit together."""


class StepImage(NamedTuple):
    """An image of a camera (its dataset key) at a step; its number in the source, from 0."""

    camera: str
    step: int
    image: Image
    source: int


class Images(Protocol):
    """Where a demonstration's images come from; it can be sent to another process."""

    def read(self) -> Iterator[StepImage]:
        """One image a step of every camera; the steps of a camera rise."""


@dataclass(frozen=True)
class Layout:
    """What all demonstrations of a dataset share.

    Attributes:
        joint_names: Order of state and action.
        cameras: Dataset keys, in order.
        height: Of the images.
        width: Of the images.
        fps: Steps a second.
        robot_type: As LeRobot names it.
    """

    joint_names: tuple[str, ...]
    cameras: tuple[str, ...]
    height: int
    width: int
    fps: int
    robot_type: str


@dataclass(frozen=True)
class Demonstration:
    """T steps. Joints in rad, grippers in m.

    Attributes:
        name: Where it came from, as messages and metadata name it.
        digest: SHA-256 of the file it was read from.
        task: Name of the task.
        instruction: What the operator was told.
        stamps_ns: [T] int64, grid points on the source's clock.
        state: [T, D] float32.
        action: [T, D] float32.
        velocity: [T, D] float32 (rad/s, m/s), zeros where the source has none.
        effort: [T, D] float32, zeros where the source has none.
        images: T of each camera.
        facts: What else the metadata says of it; JSON values.
    """

    name: str
    digest: str
    task: str
    instruction: str
    stamps_ns: NDArray[np.int64]
    state: NDArray[np.float32]
    action: NDArray[np.float32]
    velocity: NDArray[np.float32]
    effort: NDArray[np.float32]
    images: Images
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        return len(self.state)


@dataclass(frozen=True)
class Prepared:
    """A demonstration that is ready to be written, with the layout that its source has.

    Attributes:
        layout: Of the source.
        demonstration: The steps.
        notes: What was assumed or is odd about it, a sentence each.
    """

    layout: Layout
    demonstration: Demonstration
    notes: tuple[str, ...] = ()

"""The formats of exports: adding one is a file like `hdf5.py` and a line at the end of this one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from teleop.errors import TeleopError
from teleop.export.demonstration import Demonstration, ExportError, Layout
from teleop.export.workers import Workers
from vega_core.registry import Registry

Made = TypeVar("Made")


@dataclass(frozen=True)
class ExportPlan:
    """What is to be written.

    Attributes:
        out: Folder to make.
        format: Name of a registered format.
        action: Where actions come from.
        ahead: Steps from an observation to its action.
        workers: Processes.
        compress: Images as JPEG, in formats that have the choice.
        skip_damaged: Leave damaged ones out instead of refusing all.
        remedy: What to do about damaged ones, for people.
        samples: How joints and images were brought to the rate, for people.
        origin: What else the metadata says of where the data came from.
        other_formats: Whether the same command writes other formats, too.
    """

    out: Path
    format: str
    action: str
    ahead: int
    workers: int
    compress: bool = False
    skip_damaged: bool = False
    remedy: str = "Mend or delete them, or leave them out with --skip-damaged"
    samples: str = "nearest by capture stamp, not interpolated"
    origin: Mapping[str, Any] = field(default_factory=dict)
    other_formats: bool = False


class Exported(NamedTuple):
    """An episode as an export has it; state and action float32 [T, D], images RGB by step."""

    state: NDArray[np.float32]
    action: NDArray[np.float32]
    images: dict[str, Iterator[tuple[int, NDArray[np.uint8]]]]


class ExportFormat(Protocol):
    """Writes demonstrations, and reads them back with public readers alone.

    Attributes:
        title: Its name in messages.
        provenance: Where provenance.json lies in the output.
        leader_ahead: With the leader's positions as actions, how many steps after the observation
            they are taken.
        many_tasks: Whether demonstrations of several tasks can be told apart in an output.
    """

    title: str
    provenance: str
    leader_ahead: int
    many_tasks: bool

    def colour(self, plan: ExportPlan) -> str:
        """How colours are stored, for people."""

    def bytes_needed(self, layout: Layout, steps: int, plan: ExportPlan) -> int:
        """Size of the images; 0 where it is small or not known beforehand."""

    def write(
        self,
        folder: Path,
        layout: Layout,
        demonstrations: Sequence[Demonstration],
        plan: ExportPlan,
        workers: Workers,
    ) -> Generator[str]:
        """Writes into an empty folder; yields after every demonstration what is wrong with it.

        One of which an image is damaged or of another size is left out, and the rest goes on;
        empty if all is well.

        Raises:
            Refused: No demonstration can be written in this format; it says why.
            OSError: It cannot be written.
        """

    def read_back(self, out: Path, cameras: Sequence[str]) -> Iterator[Exported]:
        """The episodes of an output, in order."""


def attempt(demonstration: Demonstration, write: Callable[[], Made]) -> Made | str:
    """What writing a demonstration gives, or what is wrong with it, beginning with its name."""
    try:
        return write()
    except TeleopError as error:
        return f"{demonstration.name}: {error}"


FORMATS: Registry[ExportFormat] = Registry("export format", ExportError)
FORMATS.register_lazily("lerobot", "teleop.export.lerobot:FORMAT")
FORMATS.register_lazily("hdf5", "teleop.export.hdf5:FORMAT")

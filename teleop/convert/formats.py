"""The formats that are converted: adding one is a file like `robotwin.py` and a line at the end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from teleop.convert.streams import SourceEpisode
from teleop.export.demonstration import ActionSource, ExportError
from vega_core.registry import Registry


@dataclass(frozen=True)
class ImportOptions:
    """How to read a source.

    Attributes:
        task: Name of the task.
        instruction: What the operator was told; None: what the source says.
        rate: Steps a second of the source; None: what it says, or what is usual there.
        action: Where actions come from.
        gripper_scale: Metres a unit of the source's grippers.
        degrees: Joints are degrees.
        standard_jpeg: Compressed images are files whose colours any viewer shows right.
        keys: What the source calls a camera (by dataset key), `state` or `action`.
        topics: File that says which topics of a bag are what.
    """

    task: str
    instruction: str | None
    rate: float | None
    action: ActionSource
    gripper_scale: float
    degrees: bool
    standard_jpeg: bool
    keys: Mapping[str, str]
    topics: Path | None


class ImportFormat(Protocol):
    """Reads the demonstrations of another project.

    Attributes:
        actions: Where actions may come from; the first is the default.
        gripper_scale: Default; None where grippers are 0..1 and somebody has to say how far an
            open one opens.
        options: Which of source_fps, standard_jpeg, map and topics mean something here.
    """

    actions: Sequence[ActionSource]
    gripper_scale: float | None
    options: frozenset[str]

    def episodes(self, folder: Path, options: ImportOptions) -> list[tuple[int, Path]]:
        """Episodes of a folder by number, and the file or folder of each.

        Raises:
            ExportError: There are none.
        """

    def without_leader(self, folder: Path, options: ImportOptions) -> str:
        """Why a folder has no leader though such folders may have one; empty if it has.

        Raises:
            ExportError: It cannot be read.
        """

    def read(self, number: int, path: Path, options: ImportOptions) -> SourceEpisode:
        """Reads all of an episode but its images.

        Raises:
            ExportError: It is damaged or of another layout; the text names it.
        """


def positive_rate(value: Any, what: str, remedy: str = "give --source-fps") -> float:
    """A number that can be a rate.

    Args:
        value: What was found.
        what: Where it was found.
        remedy: What to do if it is none.

    Raises:
        ExportError: It is none, not finite, or not above 0.
    """
    try:
        rate = float(value)
    except (TypeError, ValueError):
        rate = math.nan
    if not (math.isfinite(rate) and rate > 0):
        raise ExportError(f"{what} is {value}, expected a number above 0: {remedy}")
    return rate


FORMATS: Registry[ImportFormat] = Registry("import format", ExportError)
FORMATS.register_lazily("cobot_magic", "teleop.convert.cobot_magic:FORMAT")
FORMATS.register_lazily("robotwin", "teleop.convert.robotwin:FORMAT")
FORMATS.register_lazily("lerobot", "teleop.convert.lerobot:FORMAT")
FORMATS.register_lazily("rosbag2", "teleop.convert.rosbag2:FORMAT")

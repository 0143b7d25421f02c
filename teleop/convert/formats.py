"""The formats that are converted: adding one is a file like `robotwin.py` and a line at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from teleop.export.demonstration import ActionSource, ExportError, Prepared
from vega_core.registry import Registry


@dataclass(frozen=True)
class ImportOptions:
    """How to read the files of a source.

    Attributes:
        task: Name of the task.
        instruction: What the operator was told; None: what the source says.
        rate: Steps a second of the source; None: what it says, or what is usual there.
        fps: Of the output; None: every step is kept.
        action: Where actions come from.
        gripper_scale: Metres a unit of the source's grippers.
        standard_jpeg: Compressed images are files whose colours any viewer shows right.
    """

    task: str
    instruction: str | None
    rate: float | None
    fps: int | None
    action: ActionSource
    gripper_scale: float
    standard_jpeg: bool


class ImportFormat(Protocol):
    """Reads the demonstrations of another project.

    Attributes:
        actions: Where actions may come from; the first is the default.
        gripper_scale: Default; None where grippers are 0..1 and somebody has to say how far an
            open one opens.
    """

    actions: Sequence[ActionSource]
    gripper_scale: float | None

    def files(self, folder: Path) -> list[tuple[int, Path]]:
        """Episodes of a folder by number.

        Raises:
            ExportError: There are none.
        """

    def prepare(self, number: int, path: Path, options: ImportOptions) -> Prepared:
        """Reads all of an episode but its images.

        Raises:
            ExportError: It is damaged or of another layout; the text names it.
        """


FORMATS: Registry[ImportFormat] = Registry("import format", ExportError)
FORMATS.register_lazily("cobot_magic", "teleop.convert.cobot_magic:FORMAT")
FORMATS.register_lazily("robotwin", "teleop.convert.robotwin:FORMAT")

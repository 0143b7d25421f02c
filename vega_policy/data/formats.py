"""Formats of datasets, and which one a folder has.

A new format is a file with a :class:`.Source` and one entry below. Nothing here needs torch until
images are asked for.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from vega_core.registry import Registry
from vega_policy.data import lerobot_layout
from vega_policy.data.episodes import Source
from vega_policy.data.lerobot import LeRobotSource
from vega_policy.data.npz import NpzSource
from vega_policy.errors import DatasetError

_SQUASHED = 256


class Format(NamedTuple):
    """A format of datasets.

    Attributes:
        found_in: Whether a folder has it.
        open: Opens a folder: the folder, the side of the square that camera frames are squashed
            to, and what gets lines for people.
        ground_truth: Whether it can hold depth, segmentation and camera poses.
    """

    found_in: Callable[[Path], bool]
    open: Callable[[Path, int, Callable[[str], None]], Source]
    ground_truth: bool


FORMATS: Registry[Format] = Registry("format of datasets")
FORMATS.register("lerobot", Format(lerobot_layout.is_lerobot, LeRobotSource, ground_truth=False))
FORMATS.register(
    "npz",
    Format(
        lambda directory: next(directory.rglob("*.npz"), None) is not None,
        lambda directory, squashed, report: NpzSource(directory),
        ground_truth=True,
    ),
)


def format_of(directory: Path) -> Format:
    """The format of a dataset, the first that is found in its folder.

    Raises:
        DatasetError: The folder is missing or has none of them.
    """
    if not directory.is_dir():
        raise DatasetError(f"there is no dataset folder {directory}")
    for _, known in FORMATS.items():
        if known.found_in(directory):
            return known
    if (directory / "dataset.yaml").exists():
        raise DatasetError(
            f"{directory} is a recorder's dataset: export it first (python -m teleop.export "
            f"{directory} --format lerobot --out OUT) and train on OUT"
        )
    if next(directory.glob("*.hdf5"), None) is not None:
        raise DatasetError(
            f"{directory} holds HDF5 episodes: convert them first (python -m teleop.convert "
            f"{directory} OUT --from cobot_magic) and train on OUT"
        )
    raise DatasetError(
        f"{directory} holds no episode (*.npz) and no LeRobot dataset (meta/info.json): record "
        "some with teleop.launch.py or python -m vega_sim.demos"
    )


def _silent(line: str) -> None:
    del line


def open_dataset(
    directory: Path, squashed: int = _SQUASHED, report: Callable[[str], None] = _silent
) -> Source:
    """A dataset's files, whatever their format.

    Args:
        directory: The dataset.
        squashed: Side of the square that camera frames are squashed to.
        report: Gets lines for people.

    Raises:
        DatasetError: The folder is missing, of no known format, or not of this robot.
    """
    return format_of(directory).open(directory, squashed, report)

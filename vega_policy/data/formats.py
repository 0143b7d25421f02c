"""Formats of datasets, and which one a folder has.

A new format is a file with a :class:`.Source` and one entry below. Nothing here needs torch until
images are asked for.
"""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from vega_core.registry import Registry
from vega_policy.data import lerobot_layout
from vega_policy.data.episodes import Source
from vega_policy.data.lerobot import LeRobotSource
from vega_policy.data.lerobot_layout import convert_command
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
        lambda directory, squashed, report: NpzSource(directory, squashed),
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
    raise DatasetError(_first_step(directory))


def _first_step(directory: Path) -> str:
    """What has to be done with a folder before it can be trained on."""
    if (directory / "dataset.yaml").exists():
        return (
            f"{directory} is a recorder's dataset: export it first (python -m teleop.export "
            f"{shlex.quote(str(directory))} --format lerobot --out OUT) and train on OUT"
        )
    hdf5 = next(directory.rglob("*.hdf5"), None)
    if hdf5 is not None:
        command = _hdf5_command(directory, hdf5)
        return f"{directory} holds HDF5 episodes: convert them first ({command}) and train on OUT"
    if any(next(directory.rglob(pattern), None) for pattern in ("*.mcap", "*.db3")):
        command = convert_command(directory, "rosbag2", "--topics", "topics.yaml")
        return f"{directory} holds bags: convert them first ({command}) and train on OUT"
    return (
        f"{directory} holds no episode (*.npz) and no LeRobot dataset (meta/info.json): record "
        "some with teleop.launch.py, or in the twin with: python -m vega_sim.demos --task "
        f"close_laptop --episodes 100 --out {shlex.quote(str(directory))}"
    )


def _hdf5_command(directory: Path, file: Path) -> str:
    """Of the project that such files come from."""
    try:
        import h5py

        with h5py.File(file) as opened:
            ours = "observations" in opened
    except (ImportError, OSError):
        ours = True
    if ours:
        return convert_command(directory, "cobot_magic")
    return convert_command(directory, "robotwin", "--gripper-scale", "M")


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

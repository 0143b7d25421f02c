"""Which episodes of recorded datasets are exported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from teleop.dataset.episode import EPISODE_FILE, MCAP_FILE, EpisodeInfo, read_info
from teleop.dataset.layout import EPISODES, episode_folders, misnamed, read_layout
from teleop.errors import EpisodeDamaged
from teleop.export.demonstration import ExportError
from teleop.writing import repair_command

KINDS = ("failure", "unjudged", "recovered", "problems")
"""What is left out unless asked for: how it ended, that it was repaired, that the take was bad."""


class Selection(NamedTuple):
    """Episodes to export.

    Attributes:
        folders: Of those chosen, in order.
        left_out: How many were left out, by all the kinds that they are of.
        damaged: What is wrong with those of which nothing is known, a sentence each.
    """

    folders: list[Path]
    left_out: Counter[tuple[str, ...]]
    damaged: list[str]


def kinds(info: EpisodeInfo) -> set[str]:
    """Why an episode would be left out; nothing for a plain success."""
    found: set[str] = set() if info.outcome == "success" else {info.outcome}
    if info.recovered is not None:
        found.add("recovered")
    if info.problems:
        found.add("problems")
    return found


def select(datasets: Sequence[Path], task: str | None, include: Collection[str]) -> Selection:
    """Sealed episodes by dataset and index: one task's or all.

    Args:
        datasets: Folders.
        task: Its name, or None.
        include: Those of `KINDS` that are wanted too.

    Raises:
        DatasetError: A folder is no dataset.
        ExportError: There is no such task, or nothing is left.
    """
    selection = Selection([], Counter(), [])
    tasks: Counter[str] = Counter()
    for dataset in datasets:
        read_layout(dataset)
        selection.damaged.extend(_misnamed(dataset))
        for folder in episode_folders(dataset):
            try:
                info = read_info(folder)
            except EpisodeDamaged as error:
                selection.damaged.append(str(error))
                continue
            tasks[info.task] += 1
            if task not in (None, info.task):
                continue
            unwanted = kinds(info) - set(include)
            if unwanted:
                selection.left_out[tuple(sorted(unwanted))] += 1
            else:
                selection.folders.append(folder)
    if task is not None and task not in tasks:
        known = ", ".join(sorted(tasks)) or "none"
        raise ExportError(f"no episode of task {task}; tasks in the dataset: {known}")
    if not selection.folders and not selection.damaged:
        raise ExportError(_nothing(datasets, selection.left_out))
    return selection


def _misnamed(dataset: Path) -> Iterator[str]:
    """A sentence for each folder with an episode that has not the name of one."""
    for name in misnamed(dataset):
        folder = dataset / EPISODES / name
        if any((folder / file).exists() for file in (EPISODE_FILE, MCAP_FILE)):
            yield (
                f"{folder} holds an episode but has not the name of one, such as 000012: "
                f"{repair_command(dataset)} gives it its name back; move it to trash/ to leave it "
                "out"
            )


def counted(left_out: Mapping[tuple[str, ...], int]) -> str:
    """How many episodes were left out for which reasons, each counted once."""
    return ", ".join(
        f"{number} {' and '.join(kinds)}" for kinds, number in sorted(left_out.items())
    )


def _nothing(datasets: Sequence[Path], left_out: Mapping[tuple[str, ...], int]) -> str:
    if not left_out:
        repairs = " and ".join(map(repair_command, datasets))
        return f"no sealed episode to export: record some, or run {repairs}"
    wanted = " ".join(sorted({kind for each in left_out for kind in each}))
    return (
        f"no episode to export: {counted(left_out)} left out; with --include {wanted} they are "
        "exported"
    )

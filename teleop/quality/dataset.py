"""Measures and judges all episodes of a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from teleop.dataset.episode import DatasetLayout, EpisodeInfo, read_info
from teleop.dataset.layout import (
    EPISODES,
    QUARANTINE,
    episode_folders,
    misnamed,
    read_layout,
    unsealed_folders,
)
from teleop.errors import DatasetError, EpisodeDamaged
from teleop.export.selection import counted, kinds
from teleop.export.workers import Workers
from teleop.quality.cross_episode import check_across_episodes
from teleop.quality.episode import EpisodeQuality, measure
from teleop.quality.episode_checks import check_episode
from teleop.quality.findings import Finding, FindingDraft
from teleop.quality.thresholds import THRESHOLDS, Thresholds
from teleop.writing import repair_command

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class DatasetQuality:
    """A dataset, or one task of it.

    Attributes:
        folder: Where it is.
        layout: What its episodes share.
        episodes: Those that can be read, by index.
        used: Indices of those that an export has.
        findings: What is wrong, the worst first.
        more: What was asked for besides of each episode, by index.
    """

    folder: Path
    layout: DatasetLayout
    episodes: tuple[EpisodeQuality, ...]
    used: frozenset[int]
    findings: tuple[Finding, ...]
    more: dict[int, Any]

    @property
    def errors(self) -> int:
        """How many findings would poison training."""
        return sum(finding.severity == "error" for finding in self.findings)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks."""
        return tuple(sorted({quality.info.task for quality in self.episodes}))

    def of(self, index: int) -> list[Finding]:
        """What is wrong with one episode."""
        return [finding for finding in self.findings if finding.episode == index]


class _Measured(NamedTuple):
    number: int
    quality: EpisodeQuality | None
    damage: str
    more: Any


def inspect(
    folder: Path,
    task: str | None = None,
    include: Collection[str] = (),
    workers: int = 1,
    limits: Thresholds = THRESHOLDS,
    more: Callable[[Path], Any] | None = None,
    progress: Progress = lambda done, total: None,
) -> DatasetQuality:
    """Measures and judges the sealed episodes of a dataset.

    What an export leaves out cannot poison training: what is wrong with failures, unjudged,
    recovered and bad takes is told as a warning, unless they are included.

    Args:
        folder: Of the dataset.
        task: Only this one's episodes, or None.
        include: Those of the export's kinds that are wanted too.
        workers: Processes.
        limits: What is too much.
        more: Something else to find out about an episode, from its folder; for a report.
        progress: Is told how many episodes of how many are done.

    Raises:
        DatasetError: The folder is no dataset, or has no such task.
    """
    folder = Path(folder)
    layout = read_layout(folder)
    chosen, tasks = _chosen(folder, task)
    if task is not None and task not in tasks:
        known = ", ".join(sorted(tasks)) or "none"
        raise DatasetError(f"{folder}: no episode of task {task}; its tasks: {known}")
    measured = []
    with Workers(min(workers, max(len(chosen), 1))) as pool:
        for found in pool.each(partial(_measured, limits=limits, more=more), chosen):
            measured.append(found)
            progress(len(measured), len(chosen))
    episodes = [found.quality for found in measured if found.quality is not None]
    used = [q for q in episodes if not kinds(q.info) - set(include)]
    findings = [
        *_about_dataset(folder, episodes, used, include),
        *_damages(folder, measured),
        *check_across_episodes(used, limits),
    ]
    for quality in episodes:
        left_out = kinds(quality.info) - set(include)
        findings += [_left_out(f, left_out) for f in check_episode(quality, limits)]
    order = {"error": 0, "warning": 1}
    findings.sort(key=lambda f: (order[f.severity], -1 if f.episode is None else f.episode))
    return DatasetQuality(
        folder=folder,
        layout=layout,
        episodes=tuple(episodes),
        used=frozenset(q.info.index for q in used),
        findings=tuple(findings),
        more={found.number: found.more for found in measured if found.quality is not None},
    )


def _chosen(folder: Path, task: str | None) -> tuple[list[Path], set[str]]:
    """Folders of a task's episodes, with those of which nothing is known; and all tasks."""
    chosen, tasks = [], set()
    for path in episode_folders(folder):
        try:
            info = read_info(path)
        except EpisodeDamaged:
            chosen.append(path)
            continue
        tasks.add(info.task)
        if task in (None, info.task):
            chosen.append(path)
    return chosen, tasks


def _measured(folder: Path, limits: Thresholds, more: Callable[[Path], Any] | None) -> _Measured:
    index = int(folder.name)
    try:
        quality = measure(folder, limits)
        return _Measured(index, quality, "", more(folder) if more is not None else None)
    except EpisodeDamaged as error:
        return _Measured(index, None, str(error), None)


def _left_out(finding: Finding, reasons: Collection[str]) -> Finding:
    if not reasons or finding.severity != "error":
        return finding
    text = f"{finding.text} (exports leave it out: {', '.join(sorted(reasons))})"
    return replace(finding, severity="warning", text=text)


def _damages(folder: Path, measured: Sequence[_Measured]) -> Iterator[Finding]:
    remedy = f"run {repair_command(folder)}"
    for found in measured:
        if found.quality is None:
            text = found.damage.removesuffix(f": {remedy}")
            yield FindingDraft("error", "damaged", text, remedy).at(found.number)


def _about_dataset(
    folder: Path,
    episodes: Sequence[EpisodeQuality],
    used: Sequence[EpisodeQuality],
    include: Collection[str],
) -> Iterator[Finding]:
    if not used:
        text = f"nothing to train on: {len(episodes)} episodes, and exports leave all of them out"
        yield FindingDraft("error", "empty", text, _to_have_some(episodes, include)).at(None)
    elif len(used) < len(episodes):
        infos = [quality.info for quality in episodes]
        yield _selection(infos, include).at(None)
    unsealed = unsealed_folders(folder)
    if unsealed:
        names = ", ".join(str(int(path.name)) for path in unsealed[:5])
        text = f"takes that are not sealed ({len(unsealed)}: {names}) are not part of the dataset"
        remedy = f"unless somebody records just now: {repair_command(folder)}"
        yield FindingDraft("warning", "not sealed", text, remedy).at(None)
    odd = misnamed(folder)
    if odd:
        text = f"{EPISODES}/ has folders without the name of an episode: {', '.join(odd[:5])}"
        remedy = (
            "nothing reads them, and exports refuse those with an episode: "
            f"{repair_command(folder)} gives these their names back; move the others away"
        )
        yield FindingDraft("warning", "misnamed", text, remedy).at(None)
    try:
        aside = sorted(path.name for path in (folder / QUARANTINE).iterdir())
    except OSError:
        aside = []
    if aside:
        text = f"{QUARANTINE}/ has {len(aside)} of the takes ({', '.join(aside[:5])})"
        remedy = "each has a why.txt; delete them when nobody needs them"
        yield FindingDraft("warning", "quarantine", text, remedy).at(None)


def _selection(infos: Sequence[EpisodeInfo], include: Collection[str]) -> FindingDraft:
    reasons = [tuple(sorted(kinds(info) - set(include))) for info in infos]
    left_out = Counter(each for each in reasons if each)
    text = f"exports leave {left_out.total()} of the {len(infos)} episodes out: {counted(left_out)}"
    remedy = f"with --include {_words(left_out)} they are exported, and checked"
    return FindingDraft("warning", "left out", text, remedy)


def _words(left_out: Iterable[Iterable[str]]) -> str:
    return " ".join(sorted({kind for kinds in left_out for kind in kinds}))


def _to_have_some(episodes: Sequence[EpisodeQuality], include: Collection[str]) -> str:
    wanted = _words(kinds(quality.info) - set(include) for quality in episodes)
    return f"record some, or have these with --include {wanted}" if wanted else "record some"

"""Opens a dataset or goes on with it; what a crash has left is put right first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from teleop.dataset.episode import DatasetLayout
from teleop.dataset.store import Store
from teleop.errors import EpisodeDamaged
from teleop.repair.repair import repair_store


@dataclass(frozen=True)
class OpenedDataset:
    """A dataset that is open for recording.

    Attributes:
        store: The open dataset.
        repaired: What was put right, a sentence each.
        news: What the operator should do about it; empty when there is nothing to do.
    """

    store: Store
    repaired: tuple[str, ...] = ()
    news: str = ""


def open_or_resume(folder: Path, layout: DatasetLayout) -> OpenedDataset:
    """Opens a dataset for recording, or makes a new one.

    Only after a crash all of it is checked, which takes about a second a gigabyte.

    Raises:
        DatasetBusy: Somebody else records into it.
        DatasetError: It cannot be written, is no dataset, or has another layout.
    """
    store = Store.open(folder, layout)
    try:
        if not store.unsealed() and not _damaged(store):
            return OpenedDataset(store)
        report = repair_store(store)
        unjudged = [str(each.index) for each in report.recovered if each.outcome == "unjudged"]
        news = ""
        if unjudged:
            news = (
                f"recovered, but does not count yet: episode {', '.join(unjudged)}. Judge the last "
                "one (+ success, - failure) or delete it (Backspace)"
            )
        return OpenedDataset(store, tuple(report.lines()), news)
    except BaseException:
        store.close()
        raise


def _damaged(store: Store) -> bool:
    try:
        store.episodes()
    except EpisodeDamaged:
        return True
    return False

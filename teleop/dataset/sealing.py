"""How a take becomes an episode, or nothing: a crash at any moment leaves one of the two."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from teleop.dataset.episode import (
    EPISODE_FILE,
    MCAP_FILE,
    EpisodeInfo,
    FileInfo,
    Recovered,
    StreamInfo,
    TakeEnd,
    TakeRecord,
    as_json,
    folder_name,
    read_info,
)
from teleop.dataset.journal import Journal, JournalWriter, read_journal
from teleop.dataset.layout import EPISODES, RECORDING, TRASH, episode_folders, numbered
from teleop.dataset.stamps import StreamFigures
from teleop.errors import EpisodeDamaged
from vega_core.files import move, remove_folder, sync_folder, write_atomically
from vega_core.stamps import NS

# Endings of folders in recording/ that hold no take: not begun yet, and discarded.
NEW, DISCARDED = ".new", ".discarded"
# Events whose line carries the whole of episode.json.
_SEALED = ("saved", "amended", "repaired")


def sealed_info(
    record: TakeRecord,
    end: TakeEnd,
    ended: str,
    streams: dict[str, StreamInfo],
    mcap: FileInfo,
    recovered: Recovered | None = None,
) -> EpisodeInfo:
    """What will stand in episode.json."""
    start = record.start
    return EpisodeInfo(
        index=record.index,
        task=start.task,
        instruction=start.instruction,
        operator=start.operator,
        started=record.started,
        ended=ended,
        start_ns=start.start_ns,
        end_ns=end.end_ns,
        duration_s=max(0, end.end_ns - start.start_ns) / NS,
        outcome=end.outcome,
        notes=end.notes,
        placement=start.placement,
        robot=start.robot,
        topology=start.topology,
        recovered=recovered,
        problems=end.problems,
        streams=streams,
        mcap=mcap,
        git=start.git,
        versions=start.versions,
    )


def seal(dataset: Path, take: Path, info: EpisodeInfo) -> None:
    """Makes a finished take an episode; the last step is the rename. Raises OSError."""
    write_atomically(take / EPISODE_FILE, as_json(info))
    complete_seal(dataset, take, info.index)


def complete_seal(dataset: Path, take: Path, index: int) -> None:
    """The second half of `seal`, from where episode.json is there. Raises OSError.

    What only the recording needed goes, whole or half written.
    """
    for path in take.iterdir():
        if path.name not in (MCAP_FILE, EPISODE_FILE):
            path.unlink()
    sync_folder(take)
    move(take, dataset / EPISODES / folder_name(index))


def discard_folder(take: Path, decided: Callable[[], object] = lambda: None) -> None:
    """Removes a take so that a crash never brings it back. Raises OSError.

    Args:
        take: Its folder.
        decided: Called once it cannot come back, before its content is removed.
    """
    gone = take.with_name(take.name + DISCARDED)
    move(take, gone)
    decided()
    # The rename decided; what of its content cannot be removed now goes when the dataset is opened.
    with contextlib.suppress(OSError):
        remove_folder(gone)


def throw_away(folder: Path) -> None:
    """Discards what may be left of a take that could not begin."""
    with contextlib.suppress(OSError):
        if folder.exists():
            discard_folder(folder)


def stream_infos(
    figures: dict[str, StreamFigures], expected: dict[str, int]
) -> dict[str, StreamInfo]:
    """Figures of each topic, with those that should have come and did not."""
    nothing = StreamFigures(0, 0, 0, 0.0)
    result = {}
    for topic in sorted({*figures, *expected}):
        found = figures.get(topic, nothing)
        result[topic] = StreamInfo(
            count=found.count,
            expected=expected.get(topic),
            hz=round(found.hz, 3),
            max_gap_s=round(found.max_gap_s, 6),
        )
    return result


def reconcile(dataset: Path, journal: JournalWriter) -> None:
    """Puts right what a crash left between two steps; the folders are the truth. Raises OSError.

    Takes that had not begun yet or were discarded already are removed, and what the journal does
    not say yet is added to it.
    """
    said = read_journal(dataset)
    for path in sorted((dataset / RECORDING).iterdir()):
        if path.suffix == DISCARDED and path.stem.isdecimal():
            index = int(path.stem)
            if said.last_event(index, "discarded") is None:
                journal.log("discarded", index, {"found": "half removed"})
        if path.suffix in (NEW, DISCARDED):
            remove_folder(path)
    for path in numbered(dataset / TRASH):
        last = said.last_event(int(path.name))
        if last is None or last.event != "deleted":
            journal.log("deleted", int(path.name), {"found": "in the trash"})
    for path in episode_folders(dataset):
        last = said.last_event(int(path.name), *_SEALED, "deleted", "restored")
        if last is not None and last.event == "deleted":
            journal.log("restored", int(path.name), {"found": "among the episodes"})
        (path / f"{EPISODE_FILE}.tmp").unlink(missing_ok=True)
        with contextlib.suppress(EpisodeDamaged):
            info = read_info(path)
            told = journalled_info(said, int(path.name))
            # Another digest is damage, and a repair needs what the journal says of it.
            if told is None or (told != info and told.mcap == info.mcap):
                data = {"found": "sealed", "info": info.model_dump(mode="json")}
                journal.log("saved", int(path.name), data)


def journalled_info(said: Journal, index: int) -> EpisodeInfo | None:
    """What the journal says of a sealed episode."""
    told = said.last_event(index, *_SEALED)
    try:
        return EpisodeInfo.model_validate(told.data.get("info")) if told else None
    except ValidationError:
        return None

"""The journal of a dataset: one line an event, on the disk before anything goes on.

The folders say what exists; the journal says what happened, and what is gone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teleop.writing import not_written
from vega_core import jsonl
from vega_core.stamps import iso_utc

JOURNAL_NAME = "journal.jsonl"
MAX_INDEX = 999_999


@dataclass(frozen=True)
class Entry:
    """One event.

    Attributes:
        event: begun, saved, amended, discarded, deleted, restored, repaired, renamed, quarantined,
            or one of the session's own.
        index: Episode it is about, or None.
        data: Everything the line says.
    """

    event: str
    index: int | None
    data: dict[str, Any]


@dataclass(frozen=True)
class Journal:
    """What a journal says.

    Attributes:
        entries: Readable lines, in order.
        unreadable: Numbers (from 1) of the lines that are not readable.
    """

    entries: tuple[Entry, ...]
    unreadable: tuple[int, ...]

    def last_event(self, index: int, *among: str) -> Entry | None:
        """The latest event about an episode; of these kinds, if any are named."""
        found = (e for e in reversed(self.entries) if e.index == index)
        return next((e for e in found if not among or e.event in among), None)

    def highest_index(self) -> int:
        """Highest index that was ever used; -1 if there was none."""
        return max((e.index for e in self.entries if e.index is not None), default=-1)


def read_journal(dataset: Path) -> Journal:
    """Reads the journal; a torn or damaged line is skipped. An absent one is empty.

    Raises:
        DatasetError: It cannot be read.
    """
    path = dataset / JOURNAL_NAME
    try:
        entries, unreadable = jsonl.read(path, lambda line: _entry(json.loads(line)))
    except OSError as error:
        raise not_written(path, error, "read") from None
    return Journal(entries, tuple(line.number for line in unreadable))


def _entry(data: Any) -> Entry:
    index = data.get("index") if isinstance(data, dict) else data["event"]
    if index is not None and (type(index) is not int or not 0 <= index <= MAX_INDEX):
        raise ValueError(f"{index!r} is no index")
    return Entry(str(data["event"]), index, data)


class JournalWriter:
    """Appends to a journal. The caller holds the dataset's lock."""

    def __init__(self, dataset: Path, now: Callable[[], int]) -> None:
        self._path = dataset / JOURNAL_NAME
        self._now = now
        self._unwritten = b""

    def add(self, event: str, index: int | None = None, data: dict[str, Any] | None = None) -> None:
        """Appends a line and returns when it is on the disk.

        Raises:
            DatasetError: It cannot be written; the journal is as it was.
        """
        try:
            self._append(self._line(event, index, data))
        except OSError as error:
            raise not_written(self._path, error) from None

    def log(self, event: str, index: int | None = None, data: dict[str, Any] | None = None) -> None:
        """Appends a line about what has happened already, so that a full disk changes nothing.

        What cannot be written now comes with the next line; what a crash loses, the next opening
        of the dataset adds from what lies in its folders.
        """
        line = self._line(event, index, data)
        try:
            self._append(line)
        except OSError:
            self._unwritten += line

    def _line(self, event: str, index: int | None, data: dict[str, Any] | None) -> bytes:
        line: dict[str, Any] = {"time": iso_utc(self._now()), "event": event}
        if index is not None:
            line["index"] = index
        return json.dumps({**line, **(data or {})}, ensure_ascii=False).encode() + b"\n"

    def _append(self, text: bytes) -> None:
        jsonl.append(self._path, self._unwritten + text)
        self._unwritten = b""

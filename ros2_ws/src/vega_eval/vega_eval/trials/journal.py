"""trials.jsonl: appended, on the disk before anything goes on, never rewritten.

Each line ends with a check of what stands before it, so that a torn line, or one that somebody
edited, is reported and skipped: its trial is played again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from vega_core import jsonl
from vega_eval.errors import SessionError
from vega_eval.trials.record import Line, parse

FILE_NAME = "trials.jsonl"
_CHECK_DIGITS = 16


@dataclass(frozen=True)
class TrialJournal:
    """What a journal says.

    Attributes:
        lines: Readable lines, in order.
        damaged: What is wrong with each of the others, for people.
    """

    lines: tuple[Line, ...]
    damaged: tuple[str, ...] = ()


def read(folder: Path) -> TrialJournal:
    """Reads the journal of a session; an absent one is empty.

    Raises:
        SessionError: It cannot be read.
    """
    path = folder / FILE_NAME
    try:
        lines, unreadable = jsonl.read(path, _parse)
    except OSError as error:
        raise SessionError(f"{path}: cannot be read ({error.strerror})") from None
    damaged = (f"{path}, line {line.number}: {_format_error(line.error)}" for line in unreadable)
    return TrialJournal(lines, tuple(damaged))


def _parse(text: bytes) -> Line:
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("expected a JSON object")
    check = data.pop("check", None)
    if check != _check(data):
        raise ValueError("its check is wrong: it was torn, or somebody edited it")
    return parse(data)


def _format_error(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return "not a whole line of JSON"
    return " ".join(str(error).split())


def _check(data: dict[str, object]) -> str:
    canonical = json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:_CHECK_DIGITS]


def append(folder: Path, line: Line) -> None:
    """Appends a line and returns when it is on the disk.

    A torn line before it is left as it is: the new one begins on a line of its own.

    Raises:
        SessionError: It cannot be written.
    """
    data = line.model_dump(mode="json")
    text = json.dumps({**data, "check": _check(data)}, ensure_ascii=False) + "\n"
    path = folder / FILE_NAME
    try:
        jsonl.append(path, text.encode())
    except OSError as error:
        raise SessionError(
            f"{path}: cannot be written ({error.strerror}): make space or choose another folder; "
            "the same command goes on where this session stands"
        ) from None

"""trials.jsonl: appended, on the disk before anything goes on, never rewritten.

Each line ends with a check of what stands before it, so that a torn line, or one that somebody
edited, is told and skipped: its trial is played again.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from vega_eval.errors import SessionError
from vega_eval.trials.record import Line, parse

FILE_NAME = "trials.jsonl"
_CHECK_DIGITS = 16


@dataclass(frozen=True)
class Journal:
    """What a journal says.

    Attributes:
        lines: Readable lines, in order.
        damaged: What is wrong with each of the others, for people.
    """

    lines: tuple[Line, ...]
    damaged: tuple[str, ...] = ()


def read(folder: Path) -> Journal:
    """Reads the journal of a session; an absent one is empty.

    Raises:
        SessionError: It cannot be read.
    """
    path = folder / FILE_NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Journal(())
    except OSError as error:
        raise SessionError(f"{path}: cannot be read ({error.strerror})") from None
    lines: list[Line] = []
    damaged: list[str] = []
    for number, text in enumerate(content.split(b"\n"), start=1):
        if not text.strip():
            continue
        try:
            lines.append(_parse(text))
        except (ValueError, RecursionError) as error:
            damaged.append(f"{path}, line {number}: {_in_words(error)}")
    return Journal(tuple(lines), tuple(damaged))


def _parse(text: bytes) -> Line:
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("expected a JSON object")
    check = data.pop("check", None)
    if check != _check(data):
        raise ValueError("its check is wrong: it was torn, or somebody edited it")
    return parse(data)


def _in_words(error: Exception) -> str:
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
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            end = os.lseek(descriptor, 0, os.SEEK_END)
            if end and os.pread(descriptor, 1, end - 1) != b"\n":
                text = "\n" + text
            _write_all(descriptor, text.encode(), end)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise SessionError(
            f"{path}: cannot be written ({error.strerror}): make space or choose another folder; "
            "the same command goes on where this session stands"
        ) from None


def _write_all(descriptor: int, data: bytes, end: int) -> None:
    """Writes all of it at the end, or nothing that is left there."""
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        os.ftruncate(descriptor, end)
        raise

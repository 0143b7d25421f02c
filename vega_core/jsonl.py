"""Append-only files of JSON lines: a crash costs at most the line that was being written.

A torn line stays where it is and is skipped; the next one begins on a line of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

Parsed = TypeVar("Parsed")


class Unreadable(NamedTuple):
    """A line that says nothing.

    Attributes:
        number: Of the line, from 1.
        error: What its reader raised.
    """

    number: int
    error: Exception


def read(
    path: Path, parse: Callable[[bytes], Parsed]
) -> tuple[tuple[Parsed, ...], tuple[Unreadable, ...]]:
    """What `parse` makes of each line that is not blank, and the lines that it refuses.

    An absent file is an empty one. `parse` refuses by ValueError, KeyError or TypeError.

    Raises:
        OSError: The file cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return (), ()
    parsed: list[Parsed] = []
    unreadable: list[Unreadable] = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            parsed.append(parse(line))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            unreadable.append(Unreadable(number, error))
    return tuple(parsed), tuple(unreadable)


def append(path: Path, lines: bytes) -> None:
    """Appends whole lines, each with its newline, and returns when they are on the disk.

    Raises:
        OSError: They cannot be written; the file is as long as it was.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        end = os.fstat(fd).st_size
        torn = end > 0 and os.pread(fd, 1, end - 1) != b"\n"
        try:
            view = memoryview(b"\n" + lines if torn else lines)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        except OSError:
            os.ftruncate(fd, end)
            raise
    finally:
        os.close(fd)

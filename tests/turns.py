"""Launched systems take turns: what emulates hardware in real time has the machine to itself."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def turn(alone: bool) -> Iterator[None]:
    """Waits until the system may run: beside others, or alone.

    Holds among all test runs of this user on this machine; a turn ends with its process at the
    latest.
    """
    folder = Path(tempfile.gettempdir()) / f"vega-turns-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    with (folder / "door").open("w") as door, (folder / "room").open("w") as room:
        # Whoever waits for the room keeps the door shut, so that nobody is overtaken for ever.
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield

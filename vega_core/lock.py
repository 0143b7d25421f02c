"""One writer a folder: an advisory lock that ends with the process that holds it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from pathlib import Path

from vega_core.stamps import iso_utc

LOCK_NAME = ".lock"


class FolderBusy(OSError):
    """Another process holds the folder; the text names process and computer."""


class FolderLock:
    """Held from construction until `release`, or until the process ends in whatever way.

    The file stays; only the lock on it counts. It says who holds it.

    Args:
        folder: Where `.lock` lies.
        purpose: What is done to the folder, such as `recorded` or `repaired`.

    Raises:
        FolderBusy: Another one holds it.
        OSError: The folder cannot be written.
    """

    def __init__(self, folder: Path, purpose: str) -> None:
        path = folder / LOCK_NAME
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 4096, 0)
            os.close(self._fd)
            raise FolderBusy(_refusal(folder, holder)) from None
        except OSError:
            os.close(self._fd)
            raise
        self._write(
            {
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "since": iso_utc(time.time_ns()),
                "purpose": purpose,
            }
        )

    def release(self) -> None:
        """Lets others in; does nothing the second time."""
        if self._fd >= 0:
            self._write(None)
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _write(self, holder: dict[str, object] | None) -> None:
        # Who holds it is a help to people; a full disk must not keep anybody out or in.
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, 0)
            if holder is not None:
                os.pwrite(self._fd, json.dumps(holder).encode(), 0)


def _refusal(folder: Path, holder: bytes) -> str:
    try:
        said = json.loads(holder)
        who = f"process {said['pid']} on {said['host']} since {said['since']}"
        doing = str(said["purpose"])
    except (ValueError, KeyError, TypeError):
        who, doing = "another process", "used"
    return (
        f"{folder} is being {doing} by {who}: one at a time may write to it. "
        "End that one first, or choose another folder"
    )

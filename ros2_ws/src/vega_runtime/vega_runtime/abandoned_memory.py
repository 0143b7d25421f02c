"""Shared memory that killed ROS 2 processes left behind, given back.

Fast DDS keeps 32 MB of shared memory for each process. A process that is killed leaves it, and
nobody takes it away: some hundred kills later the computer's memory is full and all is slow.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

FOLDER = Path("/dev/shm")
YOUNG_S = 30.0
"""A file as new as this may belong to a process that is about to lock it."""
_LOCK = "_el"


def give_back(folder: Path = FOLDER) -> int:
    """Removes what no living process holds; returns how many bytes that was.

    The owner of a segment holds a lock on the file beside it for as long as it lives.
    """
    freed = 0
    for lock in folder.glob(f"fastrtps_*{_LOCK}"):
        with suppress(OSError):  # another user's, or gone meanwhile
            if time.time() - lock.stat().st_mtime > YOUNG_S:
                freed += _remove_abandoned(lock)
    return freed


def _remove_abandoned(lock: Path) -> int:
    segment = lock.with_name(lock.name.removesuffix(_LOCK))
    descriptor = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        freed = 0
        with suppress(FileNotFoundError):
            freed = segment.stat().st_blocks * 512
            segment.unlink()
        lock.unlink()
        return freed
    finally:
        os.close(descriptor)

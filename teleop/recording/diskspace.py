"""Watches how much of a disk is free."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

_PERIOD_S = 1.0


class DiskWatch:
    """Asks every second, in a thread of its own: a disk on the network may not answer.

    Attributes:
        folder: A folder on the disk.
        free_bytes: Of the last answer; None before the first, or when the disk says nothing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.free_bytes: int | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="disk space", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread; an answer that is still awaited is dropped."""
        self._closing.set()

    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                self.free_bytes = shutil.disk_usage(self.folder).free
            except OSError:
                self.free_bytes = None
            self._closing.wait(_PERIOD_S)

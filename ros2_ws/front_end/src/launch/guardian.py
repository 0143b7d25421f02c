"""Keeps launched processes from outliving a launcher that is killed."""

from __future__ import annotations

import subprocess
import sys

from . import process_group


class Guardian:
    """A helper process that stops the registered process groups if the launcher dies."""

    def __init__(self) -> None:
        """Create the guardian; its process starts with the first group."""
        self._process: subprocess.Popen[bytes] | None = None

    def register(self, group: int) -> None:
        """Watch over a process group."""
        if self._process is None:
            # A session of its own: what kills the launcher's group must not kill the guardian.
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", process_group.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )
        self._send(f"+{group}\n")

    def release(self, group: int) -> None:
        """Stop watching a process group that is gone."""
        self._send(f"-{group}\n")

    def close(self) -> None:
        """End the guardian's process."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._process = None

    def _send(self, line: str) -> None:
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # somebody killed the guardian: the launch itself goes on

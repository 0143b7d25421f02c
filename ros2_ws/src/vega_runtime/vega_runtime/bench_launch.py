"""A stack as `ros2 launch` starts it, for measurements: its words, its faults and its end."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

_MARK = "VEGA_BENCH_RUN"


class Launched:
    """`ros2 launch vega_bringup FILE ...`; use as a context manager: nothing of it is left.

    Attributes:
        lines: What it has said so far.
    """

    def __init__(self, file: str, arguments: Sequence[str]) -> None:
        self.lines: list[str] = []
        self._mark = f"{_MARK}={uuid.uuid4().hex}"
        self._more = threading.Condition()
        name, _, value = self._mark.partition("=")
        self._process = subprocess.Popen(
            ["ros2", "launch", "vega_bringup", file, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            env={**os.environ, name: value},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Launched:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill_everything()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._more:
                self.lines.append(line.rstrip("\n"))
                self._more.notify_all()
        with self._more:
            self._more.notify_all()

    def says(self, pattern: str, timeout_s: float) -> bool:
        """Waits for a line; False if it ends before, or nothing comes in time."""

        def said() -> bool:
            return any(re.search(pattern, line) for line in self.lines)

        with self._more:
            self._more.wait_for(lambda: said() or not self._reader.is_alive(), timeout_s)
            return said()

    def has_ended(self, timeout_s: float) -> bool:
        """Waits until no process of it is left."""
        ends_s = time.monotonic() + timeout_s
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        while self._pids():
            if time.monotonic() > ends_s:
                return False
            time.sleep(0.05)
        self._reader.join(1.0)
        return True

    @property
    def exit_code(self) -> int | None:
        """Of the launch; None while it runs."""
        return self._process.poll()

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def kill_launch(self) -> None:
        """Kills the launch itself, as if memory had run out; its nodes are on their own."""
        self._process.kill()

    def kill(self, executable: str) -> None:
        """Kills the process of an executable, if it runs."""
        for pid in self._pids_of(executable):
            _kill(pid)

    def kill_everything(self) -> None:
        """Kills every process of it at once."""
        for pid in self._pids():
            _kill(pid)

    def forbid_to_write(self, executable: str) -> None:
        """From now on no file of an executable can grow, as on a full disk."""
        for pid in self._pids_of(executable):
            with contextlib.suppress(ProcessLookupError):
                _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, most))

    def _pids_of(self, executable: str) -> list[int]:
        return [pid for pid, command in self._pids().items() if f"/{executable} " in command]

    def _pids(self) -> dict[int, str]:
        """Every process of it that lives, and its command line."""
        alive = {}
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if folder.name.isdigit() and self._mark.encode() in _words(folder / "environ"):
                    command = b" ".join(_words(folder / "cmdline"))
                    alive[int(folder.name)] = command.decode(errors="replace")
        return alive


def _words(file: Path) -> list[bytes]:
    return file.read_bytes().split(b"\0")


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)

"""A stack as `ros2 launch` starts it: its words, its processes, its faults and its end."""

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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T", bound="Launched")
_MARK = "VEGA_LAUNCHED_RUN"


class Launched:
    """A running `ros2 launch`; use as a context manager: nothing of it is left.

    Attributes:
        lines: What it has said so far.
    """

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Starts it.

        Args:
            arguments: After `ros2 launch`.
            environment: Variables on top of those of this process.
        """
        self.lines: list[str] = []
        self._mark = uuid.uuid4().hex
        self._more = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            ["ros2", "launch", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            env={**os.environ, **(environment or {}), _MARK: self._mark},
        )
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self: T) -> T:
        return self

    def __exit__(self, *_: object) -> None:
        self.clean_up()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._more:
                self.lines.append(line.rstrip("\n"))
                self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    @property
    def text(self) -> str:
        """Everything that was said so far."""
        return "\n".join(self.lines)

    @property
    def exit_code(self) -> int | None:
        """Of the launch; None while it runs."""
        return self._process.poll()

    def says(self, pattern: str, timeout_s: float) -> bool:
        """Waits for a line that matches; False if it ends before, or nothing comes in time."""
        return self.line(pattern, timeout_s) is not None

    def line(self, pattern: str, timeout_s: float) -> str | None:
        """The first line that matches, once it is there; None as `says` is False."""

        def found() -> str | None:
            return next((line for line in self.lines if re.search(pattern, line)), None)

        with self._more:
            self._more.wait_for(lambda: found() or self._ended, timeout_s)
            return found()

    def wait_for_exit(self, timeout_s: float) -> int | None:
        """Waits for the end of the launch and all that it said; its exit code, or None."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
            self._all_said(5.0)
        return self.exit_code

    def has_ended(self, timeout_s: float) -> bool:
        """Waits until no process of it is left, and all it said is here."""
        ends_s = time.monotonic() + timeout_s
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        while self.processes():
            if time.monotonic() > ends_s:
                return False
            time.sleep(0.02)
        self._all_said(1.0)
        return True

    def _all_said(self, timeout_s: float) -> None:
        with self._more:
            self._more.wait_for(lambda: self._ended, timeout_s)

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the launch itself, as a terminal or a service manager would."""
        self._process.send_signal(number)

    def processes(self) -> dict[int, str]:
        """Every process of this launch that lives, whatever group or session it is in."""
        mark = f"{_MARK}={self._mark}".encode()
        alive = {}
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if folder.name.isdigit() and mark in (folder / "environ").read_bytes():
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                    alive[int(folder.name)] = command.decode(errors="replace")
        return alive

    def processes_of(self, executable: str, node: str = "") -> list[int]:
        """The processes of one executable, or of one of its nodes."""
        return [
            pid
            for pid, command in self.processes().items()
            if f"/{executable} " in command and f"__node:={node}" in command
        ]

    def kill(self, executable: str, node: str = "") -> int:
        """Kills the process of an executable, or of one of its nodes, without any warning.

        Returns:
            How many ran.
        """
        return _each(self.processes_of(executable, node), _kill)

    def forbid_to_write(self, executable: str) -> int:
        """From now on no file of an executable can grow, as on a full disk; as `kill`."""
        return _each(self.processes_of(executable), _forbid_to_write)

    def kill_all(self) -> None:
        """Kills every process of it at once."""
        _each(self.processes(), _kill)

    def clean_up(self) -> None:
        """Leaves nothing behind, whatever happened."""
        self.kill_all()
        self._process.wait()
        self._all_said(1.0)


def _each(pids: Sequence[int] | Mapping[int, str], act: Callable[[int], None]) -> int:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            act(pid)
    return len(pids)


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def _forbid_to_write(pid: int) -> None:
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, most))

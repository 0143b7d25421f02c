"""Events of launched processes."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..event import Event
from ..uncovered import plain_module_getattr

if TYPE_CHECKING:
    from ..actions.execute_process import ExecuteProcess

__all__ = [
    "ProcessExited",
    "ProcessIO",
    "ProcessStarted",
    "ProcessStderr",
    "ProcessStdout",
    "ProcessTargetedEvent",
    "RunningProcessEvent",
    "ShutdownProcess",
    "SignalProcess",
    "matches_executable",
    "matches_name",
    "matches_pid",
]

ProcessMatcher = Callable[["ExecuteProcess"], bool]


class RunningProcessEvent(Event):
    """Something happened to a launched process."""

    name = "launch.events.process.RunningProcessEvent"

    def __init__(
        self,
        *,
        action: ExecuteProcess,
        name: str,
        cmd: list[str],
        cwd: str | None,
        env: dict[str, str],
        pid: int,
    ) -> None:
        """Create the event with the details of the process."""
        self.action = action
        self.execute_process_action = action
        self.process_name = name
        self.cmd = cmd
        self.cwd = cwd
        self.env = env
        self.pid = pid


class ProcessStarted(RunningProcessEvent):
    """A process has been started."""

    name = "launch.events.process.ProcessStarted"


class ProcessExited(RunningProcessEvent):
    """A process has ended; `returncode` is its exit status, or minus the signal that ended it."""

    name = "launch.events.process.ProcessExited"

    def __init__(self, *, returncode: int, **details: Any) -> None:
        """Create the event with the exit status of the process."""
        super().__init__(**details)
        self.returncode = returncode


class ProcessIO(RunningProcessEvent):
    """A process has written something; `text` holds the bytes as they came."""

    name = "launch.events.process.ProcessIO"

    def __init__(self, *, text: bytes, fd: int, **details: Any) -> None:
        """Create the event with the bytes and the file descriptor of the process."""
        super().__init__(**details)
        self.text = text
        self.fd = fd

    @property
    def from_stdin(self) -> bool:
        """False: this front end does not write to processes."""
        return self.fd == 0

    @property
    def from_stdout(self) -> bool:
        """Whether it was written to the standard output."""
        return self.fd == 1

    @property
    def from_stderr(self) -> bool:
        """Whether it was written to the standard error output."""
        return self.fd == 2


class ProcessStdout(ProcessIO):
    """A process has written to its standard output."""

    name = "launch.events.process.ProcessStdout"

    def __init__(self, *, text: bytes, **details: Any) -> None:
        """Create the event with the bytes."""
        super().__init__(text=text, fd=1, **details)


class ProcessStderr(ProcessIO):
    """A process has written to its standard error output."""

    name = "launch.events.process.ProcessStderr"

    def __init__(self, *, text: bytes, **details: Any) -> None:
        """Create the event with the bytes."""
        super().__init__(text=text, fd=2, **details)


class ProcessTargetedEvent(Event):
    """A request to the processes that the matcher accepts."""

    name = "launch.events.process.ProcessTargetedEvent"

    def __init__(self, *, process_matcher: ProcessMatcher) -> None:
        """Create the request."""
        self.process_matcher = process_matcher


class ShutdownProcess(ProcessTargetedEvent):
    """A request to end: SIGINT first, then SIGTERM, then SIGKILL."""

    name = "launch.events.process.ShutdownProcess"


class SignalProcess(ProcessTargetedEvent):
    """A request to send a signal to the processes and their process groups."""

    name = "launch.events.process.SignalProcess"

    def __init__(
        self,
        *,
        signal_number: str | int | signal.Signals,
        process_matcher: ProcessMatcher,
    ) -> None:
        """Create the request for a signal given by name or number."""
        super().__init__(process_matcher=process_matcher)
        if isinstance(signal_number, str):
            self.signal = signal.Signals[signal_number]
        else:
            self.signal = signal.Signals(signal_number)
        self.signal_name = self.signal.name


def _matches_detail(name: str, accepts: Callable[[Any], bool]) -> ProcessMatcher:
    """Return a matcher for a detail of the process; one that does not run yet has none."""

    def matcher(action: ExecuteProcess) -> bool:
        details = action.process_details or {}
        return name in details and accepts(details[name])

    return matcher


def matches_name(name: str) -> ProcessMatcher:
    """Return a matcher for the process with this name and number, for example `gate-3`."""
    return _matches_detail("name", lambda given: bool(given == name))


def matches_pid(pid: int) -> ProcessMatcher:
    """Return a matcher for the process with this process id."""
    return _matches_detail("pid", lambda given: bool(given == pid))


def matches_executable(executable: str) -> ProcessMatcher:
    """Return a matcher for processes whose program ends with this, with or without its path."""
    return _matches_detail("cmd", lambda given: bool(given[0].endswith(executable)))


__getattr__ = plain_module_getattr(__name__)

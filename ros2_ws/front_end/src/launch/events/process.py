"""Events of launched processes."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..uncovered import module_getattr
from . import Event

if TYPE_CHECKING:
    from ..actions.execute_process import ExecuteProcess

__all__ = [
    "ProcessExited",
    "ProcessStarted",
    "ShutdownProcess",
    "SignalProcess",
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


__getattr__ = module_getattr(__name__)

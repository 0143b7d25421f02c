"""One child process in a session of its own, observed from an asyncio loop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, cast

from .process_group import living_members, signal_group

OnOutput = Callable[[str, bytes], None]

_DRAIN_S = 0.5
_LEFTOVER_PATIENCE_S = 1.0
_POLL_S = 0.02


class _PseudoTerminal(asyncio.Protocol):
    """Reads one pseudo-terminal that stands in for a pipe."""

    def __init__(self, source: str, on_output: OnOutput) -> None:
        self.closed = asyncio.get_running_loop().create_future()
        self._source = source
        self._on_output = on_output

    def data_received(self, data: bytes) -> None:
        self._on_output(self._source, data)

    def connection_lost(self, exc: Exception | None) -> None:
        # Reading a terminal whose last writer is gone is an input/output error, not a fault.
        self.closed.set_result(None)


class _Protocol(asyncio.SubprocessProtocol):
    def __init__(self, on_output: OnOutput) -> None:
        loop = asyncio.get_running_loop()
        self.exited = loop.create_future()
        self.closed = loop.create_future()
        self._on_output = on_output

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._on_output("stdout" if fd == 1 else "stderr", data)

    def process_exited(self) -> None:
        self.exited.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(None)


class Child:
    """A running child process, and the process group it leads."""

    def __init__(
        self,
        transport: asyncio.SubprocessTransport,
        protocol: _Protocol,
        terminals: Sequence[_PseudoTerminal],
    ) -> None:
        """Wrap what `start` has started."""
        self._transport = transport
        self._protocol = protocol
        self._terminals = terminals
        self.pid = transport.get_pid()

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        cwd: str | None,
        env: dict[str, str],
        shell: bool,
        terminal: bool,
        on_output: OnOutput,
    ) -> Child:
        """Start a process as the leader of a new session.

        Args:
            command: program and arguments.
            cwd: working directory, or None for the launcher's.
            env: the whole environment of the process.
            shell: run the joined command through the shell.
            terminal: give it pseudo-terminals instead of pipes for its output.
            on_output: called with "stdout" or "stderr" and the bytes for all it writes.

        Raises:
            OSError: if it cannot be started.
        """
        loop = asyncio.get_running_loop()
        streams: dict[str, Any] = {}
        slaves: list[int] = []
        terminals: list[_PseudoTerminal] = []
        if terminal:
            for source in ("stdout", "stderr"):
                reader, slave = await _open_terminal(source, on_output)
                terminals.append(reader)
                slaves.append(slave)
                streams[source] = slave
        options = {"cwd": cwd, "env": env, "start_new_session": True, **streams}
        try:
            if shell:
                started = loop.subprocess_shell(
                    lambda: _Protocol(on_output), " ".join(command), **options
                )
            else:
                started = loop.subprocess_exec(lambda: _Protocol(on_output), *command, **options)
            transport, protocol = await started
        finally:
            for slave in slaves:
                os.close(slave)
        return cls(transport, cast(_Protocol, protocol), terminals)

    @property
    def returncode(self) -> int | None:
        """Exit status, minus the signal number if a signal ended it, None while it runs."""
        return self._transport.get_returncode()

    async def wait(self) -> int:
        """Wait until the process has ended and its output is read; return its exit status.

        A grandchild that keeps the output open holds this up for half a second at most.
        """
        await self._protocol.exited
        streams = [terminal.closed for terminal in self._terminals] or [self._protocol.closed]
        await asyncio.wait(streams, timeout=_DRAIN_S)
        return cast(int, self.returncode)

    async def exits_within(self, seconds: float) -> bool:
        """Return whether the process ends before the time is over."""
        await asyncio.wait([self._protocol.exited], timeout=seconds)
        return self._protocol.exited.done()

    def signal(self, number: int) -> None:
        """Send a signal to the process and to all it has started in its group."""
        signal_group(self.pid, number)

    async def stop_leftovers(self) -> None:
        """End what the process has left behind in its group, then free its resources."""
        for number, patience_s in (
            (signal.SIGTERM, _LEFTOVER_PATIENCE_S),
            (signal.SIGKILL, _LEFTOVER_PATIENCE_S),
        ):
            if not living_members([self.pid]):
                break
            signal_group(self.pid, number)
            deadline = asyncio.get_running_loop().time() + patience_s
            while living_members([self.pid]) and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(_POLL_S)
        self._transport.close()


async def _open_terminal(source: str, on_output: OnOutput) -> tuple[_PseudoTerminal, int]:
    master, slave = os.openpty()
    file = cast(BinaryIO, os.fdopen(master, "rb", buffering=0))
    _, protocol = await asyncio.get_running_loop().connect_read_pipe(
        lambda: _PseudoTerminal(source, on_output), file
    )
    return protocol, slave

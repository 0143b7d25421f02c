"""Processes as actions."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..action import Action, LaunchDescriptionEntity
from ..child import Child
from ..conditions import evaluate_condition_expression
from ..event_handlers import EventHandler, OnProcessExit, OnShutdown, Reaction
from ..events import Event
from ..events.process import ProcessExited, ProcessStarted, ShutdownProcess, SignalProcess
from ..logging import get_logger
from ..output import OutputConfiguration, ProcessOutput
from ..substitution import SomeSubstitutionsType
from ..substitutions import LaunchConfiguration
from ..utilities import normalize_to_list_of_substitutions, text_of, typed_value
from .flow import OpaqueFunction
from .process_command import Environment, ProcessCommand

if TYPE_CHECKING:
    from ..launch_context import LaunchContext

_SIGTERM_TIMEOUT = LaunchConfiguration("sigterm_timeout", default=5)
_SIGKILL_TIMEOUT = LaunchConfiguration("sigkill_timeout", default=5)


class ExecuteProcess(Action):
    """Runs a process in a session of its own, until it ends or the launch does.

    To end it, its whole process group gets SIGINT, after `sigterm_timeout` SIGTERM, and after a
    further `sigkill_timeout` SIGKILL. What a process leaves behind in its group when it ends is
    ended too.
    """

    def __init__(
        self,
        *,
        cmd: Iterable[SomeSubstitutionsType],
        prefix: SomeSubstitutionsType | None = None,
        name: SomeSubstitutionsType | None = None,
        cwd: SomeSubstitutionsType | None = None,
        env: Environment | None = None,
        additional_env: Environment | None = None,
        shell: bool = False,
        sigterm_timeout: SomeSubstitutionsType = _SIGTERM_TIMEOUT,
        sigkill_timeout: SomeSubstitutionsType = _SIGKILL_TIMEOUT,
        emulate_tty: bool = False,
        output: OutputConfiguration | SomeSubstitutionsType = "log",
        log_cmd: bool = False,
        on_exit: Reaction = None,
        respawn: bool | SomeSubstitutionsType = False,
        respawn_delay: float | None = None,
        respawn_max_retries: int = -1,
        **kwargs: Any,
    ) -> None:
        """Describe a process.

        Args:
            cmd: program and arguments.
            prefix: words put in front of the command.
            name: what it is called in the logs; by default the file name of the program.
            cwd: working directory.
            env: the whole environment, instead of the launcher's.
            additional_env: environment variables on top of it.
            shell: run the command through the shell.
            sigterm_timeout: seconds from SIGINT to SIGTERM.
            sigkill_timeout: seconds from SIGTERM to SIGKILL.
            emulate_tty: give the process pseudo-terminals to write to.
            output: see `launch.output.parse_output`.
            log_cmd: log the command before it is run.
            on_exit: actions, or a function of the event and the context, for when it has ended.
            respawn: start it again when it ends before the launch does.
            respawn_delay: seconds to wait before that.
            respawn_max_retries: how often at most; negative for any number of times.
            kwargs: `condition`.
        """
        super().__init__(**kwargs)
        self.cmd = [normalize_to_list_of_substitutions(word) for word in cmd]
        self._command = ProcessCommand(prefix, name, cwd, env, additional_env)
        self._shell = shell
        self._timeouts = (sigterm_timeout, sigkill_timeout)
        self._emulate_tty = emulate_tty
        self._output = os.environ.get("OVERRIDE_LAUNCH_PROCESS_OUTPUT") or output
        self._log_cmd = log_cmd
        self._on_exit = on_exit
        self._respawn = respawn
        self._respawn_delay = respawn_delay
        self._retries_left = respawn_max_retries
        self._details: dict[str, Any] | None = None
        self._child: Child | None = None
        self._last_returncode: int | None = None
        self._done: asyncio.Future[None] | None = None
        self._stop_requested = asyncio.Event()

    @property
    def process_details(self) -> dict[str, Any] | None:
        """Name, command, directory, environment and process id, or None before it runs."""
        return self._details

    @property
    def name(self) -> str | None:
        """What the process is called in the logs, or None before it runs."""
        return None if self._details is None else self._details["name"]

    @property
    def return_code(self) -> int | None:
        """Exit status of the process, or None before it has ended."""
        return self._last_returncode

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the actions for when the process has ended."""
        if isinstance(self._on_exit, LaunchDescriptionEntity):
            return [self._on_exit]
        if self._on_exit is None or callable(self._on_exit):
            return []
        return list(self._on_exit)

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        """Return the future that is done when the process has ended for good."""
        return self._done

    def execute(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Start the process.

        Raises:
            RuntimeError: if the same action is executed a second time.
        """
        if self._done is not None:
            raise RuntimeError(f"process {self.name} is already launched by this action")
        if context.is_shutdown:
            return None
        self._details = self._command.resolve(context, self.cmd)
        self._timeouts_s = [float(text_of(context, timeout)) for timeout in self._timeouts]
        self._respawns = typed_value(context, self._respawn, bool)
        output: Any = self._output
        if not isinstance(output, Mapping):
            output = text_of(context, output)
        self._process_output = ProcessOutput(self._details["name"], output)
        terminal = self._emulate_tty
        if "emulate_tty" in context.launch_configurations:
            override = LaunchConfiguration("emulate_tty")
            terminal = evaluate_condition_expression(context, [override])
        handlers = self._event_handlers()
        for handler in handlers:
            context.register_event_handler(handler)
        self._done = asyncio.ensure_future(self._run(context, terminal, handlers))
        return None

    def _event_handlers(self) -> list[EventHandler]:
        handlers: list[EventHandler] = [
            EventHandler(
                matcher=lambda event: isinstance(event, (ShutdownProcess, SignalProcess)),
                entities=OpaqueFunction(function=self._on_request),
            ),
            OnShutdown(on_shutdown=lambda *_: self._stop_requested.set()),
        ]
        if self._on_exit is not None:
            handlers.append(OnProcessExit(target_action=self, on_exit=self._on_exit))
        return handlers

    def _on_request(self, context: LaunchContext) -> None:
        request: Event = context.locals.event
        assert isinstance(request, (ShutdownProcess, SignalProcess))
        if not request.process_matcher(self):
            return
        if isinstance(request, ShutdownProcess):
            self._stop_requested.set()
        elif self._child is not None and self._child.returncode is None:
            self._signal(request.signal)

    def _signal(self, number: signal.Signals) -> None:
        assert self._child is not None
        self._logger.info("sending signal '%s' to process[%s]", number.name, self.name)
        self._child.signal(number)

    @property
    def _logger(self) -> Any:
        return get_logger(self.name)

    async def _run(
        self, context: LaunchContext, terminal: bool, handlers: list[EventHandler]
    ) -> None:
        """Run the process, as often as it is to be run."""
        try:
            while not self._stop_requested.is_set() and not context.is_shutdown:
                await self._run_once(context, terminal)
                if not self._respawns or self._retries_left == 0:
                    break
                self._retries_left -= 1
                try:
                    await asyncio.wait_for(self._stop_requested.wait(), self._respawn_delay or 0.0)
                except asyncio.TimeoutError:
                    continue
        finally:
            for handler in handlers[:2]:
                context.unregister_event_handler(handler)

    async def _run_once(self, context: LaunchContext, terminal: bool) -> None:
        details = self._details
        assert details is not None
        command = shlex.join(details["cmd"])
        if self._log_cmd:
            self._logger.info("command: %s", command)
        early: list[tuple[str, bytes]] = []  # what it writes before its start is announced

        def on_output(source: str, data: bytes) -> None:
            if self._child is None:
                early.append((source, data))
            else:
                self._process_output.write(source, data)

        self._child = None
        try:
            child = await Child.start(
                details["cmd"],
                cwd=details["cwd"],
                env=details["env"],
                shell=self._shell,
                terminal=terminal,
                on_output=on_output,
            )
        except OSError as error:
            self._logger.error("cannot start process[%s]: %s", self.name, error)
            return
        self._child = child
        details["pid"] = child.pid
        guardian = context.locals.guardian
        guardian.register(child.pid)
        self._logger.info("process started with pid [%d]", child.pid)
        context.emit_event_sync(ProcessStarted(action=self, **details))
        for source, data in early:
            self._process_output.write(source, data)
        stopping = asyncio.ensure_future(self._stop_when_requested(child))
        try:
            returncode = await child.wait()
        finally:
            stopping.cancel()
        self._process_output.flush()
        self._last_returncode = returncode
        if returncode == 0:
            self._logger.info("process has finished cleanly [pid %d]", child.pid)
        else:
            self._logger.error(
                "process has died [pid %d, exit code %d, cmd '%s'].",
                child.pid,
                returncode,
                " ".join(details["cmd"]),
            )
        context.emit_event_sync(ProcessExited(action=self, returncode=returncode, **details))
        await child.stop_leftovers()
        self._process_output.flush()
        guardian.release(child.pid)

    async def _stop_when_requested(self, child: Child) -> None:
        await self._stop_requested.wait()
        self._signal(signal.SIGINT)
        steps = ((signal.SIGINT, signal.SIGTERM), (signal.SIGTERM, signal.SIGKILL))
        for (sent, following), timeout_s in zip(steps, self._timeouts_s):
            if await child.exits_within(timeout_s):
                return
            self._logger.error(
                "process[%s] failed to terminate '%g' seconds after receiving '%s', "
                "escalating to '%s'",
                self.name,
                timeout_s,
                sent.name,
                following.name,
            )
            self._signal(following)

"""The launch service: visits what is described, and runs until nothing is left to do."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
import traceback
from collections.abc import Iterable, Iterator
from typing import Any

from .action import LaunchDescriptionEntity
from .events import Event, IncludeLaunchDescription, Shutdown
from .events.process import SignalProcess
from .guardian import Guardian
from .launch_context import LaunchContext
from .launch_description import LaunchDescription
from .logging import get_logger, launch_config
from .uncovered import reject_arguments

_ESCALATION = (signal.SIGTERM, signal.SIGKILL)


class LaunchService:
    """Runs launch descriptions.

    The first SIGINT, SIGTERM, SIGHUP or SIGQUIT shuts everything down in order; the second sends
    SIGTERM to all processes at once, every further one SIGKILL.
    """

    def __init__(
        self,
        *,
        argv: Iterable[str] | None = None,
        debug: bool = False,
        **uncovered: Any,
    ) -> None:
        """Create a service; `argv` is kept in the context for entities that want to see it."""
        reject_arguments(self, uncovered)
        launch_config.level = logging.DEBUG if debug else logging.INFO
        self._logger = get_logger("launch")
        self._context = LaunchContext(argv=argv)
        self._futures: list[asyncio.Future[Any]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._requests_to_stop = 0
        self._has_shut_down = False
        self._return_code = 0

    @property
    def context(self) -> LaunchContext:
        """The context of this launch."""
        return self._context

    def include_launch_description(self, launch_description: LaunchDescription) -> None:
        """Visit a launch description, at once or as soon as the service runs."""
        self.emit_event(IncludeLaunchDescription(launch_description))

    def emit_event(self, event: Event) -> None:
        """Emit an event, from any thread."""
        if self._loop is None:
            self._context.emit_event_sync(event)
        else:
            self._loop.call_soon_threadsafe(self._context.emit_event_sync, event)

    def shutdown(self, force_sync: bool = False) -> None:
        """Shut the launch down, from any thread, if it runs."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._shut_down, "LaunchService.shutdown() called")

    def run(self, *, shutdown_when_idle: bool = True) -> int:
        """Run until everything has ended; return 0, or 1 after an error or a SIGTERM."""
        return asyncio.run(self.run_async(shutdown_when_idle=shutdown_when_idle))

    async def run_async(self, *, shutdown_when_idle: bool = True) -> int:
        """Run in the present event loop of the main thread."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("a LaunchService runs in the main thread only: it handles signals")
        self._logger.info("All log files can be found below %s", launch_config.log_dir)
        verbosity = logging.getLevelName(launch_config.level)
        self._logger.info("Default logging verbosity is set to %s", verbosity)
        with self._running():
            while True:
                try:
                    if self._is_idle():
                        if self._context.is_shutdown:
                            return self._return_code
                        if shutdown_when_idle:
                            self._shut_down("idle")
                            continue
                    await self._step()
                except Exception as error:
                    self._fail(error)

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        if self._loop is not None:
            raise RuntimeError("this LaunchService runs already")
        loop = self._loop = asyncio.get_running_loop()
        guardian = Guardian()
        self._context.extend_globals({"guardian": guardian})
        handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
        for number in handled:
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            yield
        finally:
            for number in handled:
                loop.remove_signal_handler(number)
            guardian.close()
            self._loop = None

    def _is_idle(self) -> bool:
        finished = [future for future in self._futures if future.done()]
        self._futures = [future for future in self._futures if not future.done()]
        for future in finished:
            if not future.cancelled():
                future.result()  # an action that failed fails the launch
        return not self._futures and self._context._queue.empty()

    async def _step(self) -> None:
        """Handle one event, or wait until something is done."""
        next_event = asyncio.ensure_future(self._context._queue.get())
        await asyncio.wait([next_event, *self._futures], return_when=asyncio.FIRST_COMPLETED)
        if next_event.done():
            self._handle(next_event.result())
        else:
            next_event.cancel()

    def _handle(self, event: Event) -> None:
        self._logger.debug("event %s", event.name)
        if isinstance(event, Shutdown):
            if self._has_shut_down:
                return  # several may ask for it; it happens once
            self._has_shut_down = self._context._is_shutdown = True
        elif isinstance(event, IncludeLaunchDescription):
            self._visit(event.launch_description)
        for handler in tuple(self._context._handlers):
            if not handler.matches(event):
                continue
            self._context.push_locals()
            try:
                reaction = handler.handle(event, self._context)
                entities = reaction if isinstance(reaction, Iterable) else [reaction]
                for entity in entities:
                    if entity is not None:
                        self._visit(entity)
            finally:
                self._context.pop_locals()

    def _visit(self, entity: LaunchDescriptionEntity) -> None:
        if not isinstance(entity, LaunchDescriptionEntity):
            raise TypeError(f"expected an action or a launch description, got {entity!r}")
        sub_entities = entity.visit(self._context)
        future = entity.get_asyncio_future()
        if future is not None:
            self._futures.append(future)
        for sub_entity in sub_entities or ():
            self._visit(sub_entity)

    def _shut_down(self, reason: str, *, due_to_sigint: bool = False) -> None:
        if not self._context.is_shutdown:
            self._context._is_shutdown = True
            self._context.emit_event_sync(Shutdown(reason=reason, due_to_sigint=due_to_sigint))

    def _fail(self, error: Exception) -> None:
        self._return_code = 1
        self._logger.debug("%s", traceback.format_exc())
        self._logger.error("Caught exception in launch (see debug for traceback): %s", error)
        self._shut_down(f"error: {error}")

    def _on_signal(self, number: signal.Signals) -> None:
        if number != signal.SIGINT:
            self._return_code = 1
        self._requests_to_stop += 1
        if self._requests_to_stop == 1:
            self._logger.warning("%s received, shutting everything down", number.name)
            self._shut_down(number.name, due_to_sigint=number == signal.SIGINT)
            return
        step = min(self._requests_to_stop - 2, len(_ESCALATION) - 1)
        escalated = _ESCALATION[step]
        self._logger.warning("%s again, sending %s to all", number.name, escalated.name)
        self._context.emit_event_sync(
            SignalProcess(signal_number=escalated, process_matcher=lambda _: True)
        )

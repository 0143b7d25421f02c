"""Actions after a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..action import Action
from ..event import Event
from ..event_handler import EventHandler
from ..event_handlers import OnShutdown
from ..launch_description_entity import LaunchDescriptionEntity
from ..some_substitutions_type import SomeSubstitutionsType
from ..utilities.type_utils import perform_typed_substitution
from .opaque_function import OpaqueFunction

if TYPE_CHECKING:
    from ..launch_context import LaunchContext


class _TimerExpired(Event):
    name = "launch.events.TimerEvent"


class TimerAction(Action):
    """Visits actions once a time has passed, unless it is cancelled before."""

    def __init__(
        self,
        *,
        period: float | SomeSubstitutionsType,
        actions: Iterable[LaunchDescriptionEntity],
        cancel_on_shutdown: bool | SomeSubstitutionsType = True,
        **kwargs: Any,
    ) -> None:
        """Create a timer.

        Args:
            period: seconds of wall time.
            actions: what is visited then.
            cancel_on_shutdown: a shutdown of the launch cancels the timer.
            kwargs: `condition`.
        """
        super().__init__(**kwargs)
        self._period = period
        self._actions = list(actions)
        self._cancel_on_shutdown = cancel_on_shutdown
        self._cancelled = asyncio.Event()
        self._done: asyncio.Future[None] | None = None

    def describe_conditional_sub_entities(
        self,
    ) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """Return the actions, which depend on the timer not being cancelled."""
        return [("once the time has passed", self._actions)]

    def cancel(self) -> None:
        """Cancel the timer; nothing happens if it has expired."""
        self._cancelled.set()

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        """Return the future that is done when the timer has expired or is cancelled."""
        return self._done

    def execute(self, context: LaunchContext) -> None:
        """Start the timer."""
        period_s = perform_typed_substitution(context, self._period, float)
        event = _TimerExpired()
        locals_now = context.get_locals_as_dict()

        def expire(context: LaunchContext) -> list[LaunchDescriptionEntity]:
            context.extend_locals(locals_now)
            return self._actions

        context.register_event_handler(
            EventHandler(
                matcher=lambda given: given is event,
                entities=OpaqueFunction(function=expire),
                handle_once=True,
            )
        )
        if perform_typed_substitution(context, self._cancel_on_shutdown, bool):
            if context.is_shutdown:
                self.cancel()
            context.register_event_handler(OnShutdown(on_shutdown=lambda *_: self.cancel()))
        self._done = asyncio.ensure_future(self._wait(context, event, period_s))

    async def _wait(self, context: LaunchContext, event: Event, period_s: float) -> None:
        try:
            await asyncio.wait_for(self._cancelled.wait(), timeout=period_s)
        except asyncio.TimeoutError:
            context.emit_event_sync(event)

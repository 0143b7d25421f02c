"""What is visited when: functions, groups, includes, timers; and messages in between."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..action import Action, LaunchDescriptionEntity
from ..event_handlers import EventHandler, OnShutdown
from ..events import Event
from ..launch_description_sources import AnyLaunchDescriptionSource, LaunchDescriptionSource
from ..logging import get_logger
from ..substitution import SomeSubstitutionsType
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions, typed_value
from .settings import SetLaunchConfiguration

if TYPE_CHECKING:
    from ..launch_context import LaunchContext

LaunchArgument = tuple[SomeSubstitutionsType, SomeSubstitutionsType]

_FILE_LOCALS = ("current_launch_file_path", "current_launch_file_directory")


class LogInfo(Action):
    """Prints a message."""

    def __init__(self, *, msg: SomeSubstitutionsType, **kwargs: Any) -> None:
        """Create the action from the message."""
        super().__init__(**kwargs)
        self._msg = normalize_to_list_of_substitutions(msg)

    def execute(self, context: LaunchContext) -> None:
        """Print it."""
        get_logger("launch.user").info("%s", perform_substitutions(context, self._msg))


class OpaqueFunction(Action):
    """Calls a function with the context, and visits the actions it returns."""

    def __init__(
        self,
        *,
        function: Callable[..., Iterable[LaunchDescriptionEntity] | None],
        args: Iterable[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
        **left_over_kwargs: Any,
    ) -> None:
        """Create the action; the function gets the context, then `args` and `kwargs`."""
        super().__init__(**left_over_kwargs)
        if not callable(function):
            raise TypeError(f"OpaqueFunction: expected a function, got {function!r}")
        self._function = function
        self._args = tuple(args or ())
        self._kwargs = dict(kwargs or {})

    def execute(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Call the function."""
        return self._function(context, *self._args, **self._kwargs)


class GroupAction(Action):
    """Visits actions, by default in a scope of their own."""

    def __init__(
        self,
        actions: Iterable[LaunchDescriptionEntity],
        *,
        scoped: bool = True,
        launch_configurations: Mapping[Any, SomeSubstitutionsType] | None = None,
        **kwargs: Any,
    ) -> None:
        """Group actions.

        Args:
            actions: what is visited, in order.
            scoped: launch configurations and environment are as before after the group.
            launch_configurations: set for the actions of the group.
            kwargs: `condition`.
        """
        super().__init__(**kwargs)
        self._actions = list(actions)
        self._scoped = scoped
        self._configurations = dict(launch_configurations or {})

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the actions, between those that open and close the scope."""
        settings = [SetLaunchConfiguration(*pair) for pair in self._configurations.items()]
        entities: list[LaunchDescriptionEntity] = [*settings, *self._actions]
        if not self._scoped:
            return entities
        return [
            OpaqueFunction(function=lambda context: context.push_scope()),
            *entities,
            OpaqueFunction(function=lambda context: context.pop_scope()),
        ]

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Return the sub-entities."""
        return self.get_sub_entities()


class IncludeLaunchDescription(Action):
    """Visits another launch description, in the scope of this one.

    The launch arguments given, and what the included description sets, stay set afterwards unless
    the include stands in a scoped group.
    """

    def __init__(
        self,
        launch_description_source: LaunchDescriptionSource | SomeSubstitutionsType,
        *,
        launch_arguments: Iterable[LaunchArgument] | None = None,
        **kwargs: Any,
    ) -> None:
        """Include a source, or a launch file, with arguments as pairs of name and value."""
        super().__init__(**kwargs)
        if isinstance(launch_description_source, LaunchDescriptionSource):
            self._source = launch_description_source
        else:
            self._source = AnyLaunchDescriptionSource(launch_description_source)
        self._arguments = tuple(launch_arguments or ())

    @property
    def launch_description_source(self) -> LaunchDescriptionSource:
        """Where the included description comes from."""
        return self._source

    @property
    def launch_arguments(self) -> tuple[LaunchArgument, ...]:
        """The pairs of name and value."""
        return self._arguments

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the included description if it can be had without a running launch."""
        description = self._source.try_get_launch_description_without_context()
        return [] if description is None else [description]

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Return actions that set the arguments, and the included description."""
        description = self._source.get_launch_description(context)
        path = os.path.abspath(self._source.location)
        outer = {name: context.get_locals_as_dict().get(name) for name in _FILE_LOCALS}
        context.extend_locals(dict(zip(_FILE_LOCALS, (path, os.path.dirname(path)))))
        return [
            *(SetLaunchConfiguration(name, value) for name, value in self._arguments),
            description,
            OpaqueFunction(function=lambda inner: inner.extend_locals(outer)),
        ]


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
        period_s = typed_value(context, self._period, float)
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
        if typed_value(context, self._cancel_on_shutdown, bool):
            if context.is_shutdown:
                self.cancel()
            context.register_event_handler(OnShutdown(on_shutdown=lambda *_: self.cancel()))
        self._done = asyncio.ensure_future(self._wait(context, event, period_s))

    async def _wait(self, context: LaunchContext, event: Event, period_s: float) -> None:
        try:
            await asyncio.wait_for(self._cancelled.wait(), timeout=period_s)
        except asyncio.TimeoutError:
            context.emit_event_sync(event)

"""Ready-made event handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .action import Action
from .event import Event
from .event_handler import BaseEventHandler
from .events import ExecutionComplete, IncludeLaunchDescription, Shutdown
from .events.process import ProcessExited, ProcessIO, ProcessStarted
from .launch_description_entity import LaunchDescriptionEntity
from .some_entities_type import SomeEntitiesType
from .uncovered import plain_module_getattr

if TYPE_CHECKING:
    from .launch_context import LaunchContext

__all__ = [
    "OnExecutionComplete",
    "OnIncludeLaunchDescription",
    "OnProcessExit",
    "OnProcessIO",
    "OnProcessStart",
    "OnShutdown",
]

ActionMatcher = Callable[[Any], bool] | Action | None
Reaction = SomeEntitiesType | Callable[..., SomeEntitiesType | None] | None


def _react(reaction: Reaction, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
    if reaction is None or isinstance(reaction, LaunchDescriptionEntity):
        return reaction
    if isinstance(reaction, Iterable):
        return list(reaction)
    return reaction(event, context)


def _check_reaction(owner: object, reaction: Reaction) -> None:
    if reaction is None or callable(reaction) or isinstance(reaction, LaunchDescriptionEntity):
        return
    for entity in reaction:
        if not isinstance(entity, LaunchDescriptionEntity):
            name = type(owner).__name__
            raise TypeError(f"{name}: expected actions or a function, got {entity!r}")


class _OnActionEvent(BaseEventHandler):
    """Reacts to events of one class, of all actions or of those that are matched."""

    event_class: type[Event]

    def __init__(self, target_action: ActionMatcher, reaction: Reaction, **kwargs: Any) -> None:
        _check_reaction(self, reaction)
        if not (
            target_action is None or isinstance(target_action, Action) or callable(target_action)
        ):
            raise TypeError(
                f"{type(self).__name__}: target_action has to be an action or a function, "
                f"got {target_action!r}"
            )
        self._target = target_action
        self._reaction = reaction
        super().__init__(matcher=self._is_wanted, **kwargs)

    def _is_wanted(self, event: Event) -> bool:
        if not isinstance(event, self.event_class):
            return False
        action = getattr(event, "action")  # noqa: B009 - all events of these classes have one
        if self._target is None:
            return True
        if isinstance(self._target, Action):
            return action is self._target
        return self._target(action)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        super().handle(event, context)
        return _react(self._reaction, event, context)


class OnProcessStart(_OnActionEvent):
    """Reacts to the start of a process."""

    event_class = ProcessStarted

    def __init__(
        self, *, target_action: ActionMatcher = None, on_start: Reaction, **kwargs: Any
    ) -> None:
        """Create a handler for one process, matching processes, or all."""
        super().__init__(target_action, on_start, **kwargs)


class OnProcessExit(_OnActionEvent):
    """Reacts to the end of a process."""

    event_class = ProcessExited

    def __init__(
        self, *, target_action: ActionMatcher = None, on_exit: Reaction, **kwargs: Any
    ) -> None:
        """Create a handler for one process, matching processes, or all."""
        super().__init__(target_action, on_exit, **kwargs)


class OnExecutionComplete(_OnActionEvent):
    """Reacts to the completion of an action."""

    event_class = ExecutionComplete

    def __init__(
        self, *, target_action: ActionMatcher = None, on_completion: Reaction, **kwargs: Any
    ) -> None:
        """Create a handler for one action, matching actions, or all."""
        super().__init__(target_action, on_completion, **kwargs)


class OnProcessIO(_OnActionEvent):
    """Reacts to what a process writes, in the pieces in which it arrives."""

    event_class = ProcessIO

    def __init__(
        self,
        *,
        target_action: ActionMatcher = None,
        on_stdout: Callable[[ProcessIO], SomeEntitiesType | None] | None = None,
        on_stderr: Callable[[ProcessIO], SomeEntitiesType | None] | None = None,
        **kwargs: Any,
    ) -> None:
        """Create a handler; the functions get the event, its `text` holds bytes."""
        self._on_output = {1: on_stdout, 2: on_stderr}
        super().__init__(target_action, self._dispatch, **kwargs)

    def _dispatch(self, event: ProcessIO, context: LaunchContext) -> SomeEntitiesType | None:
        function = self._on_output[event.fd]
        return function(event) if function is not None else None


class OnShutdown(BaseEventHandler):
    """Reacts to the shutdown of the launch."""

    def __init__(self, *, on_shutdown: Reaction, **kwargs: Any) -> None:
        """Create a handler with actions, or a function of the event and the context."""
        _check_reaction(self, on_shutdown)
        super().__init__(matcher=lambda event: isinstance(event, Shutdown), **kwargs)
        self._reaction = on_shutdown

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        """Return what the reaction yields."""
        super().handle(event, context)
        return _react(self._reaction, event, context)


class OnIncludeLaunchDescription(BaseEventHandler):
    """Visits the launch descriptions that are to be included."""

    def __init__(self, **kwargs: Any) -> None:
        """Create the handler that every launch service has."""
        super().__init__(
            matcher=lambda event: isinstance(event, IncludeLaunchDescription), **kwargs
        )

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType:
        """Return the launch description of the event."""
        super().handle(event, context)
        assert isinstance(event, IncludeLaunchDescription)
        return event.launch_description


__getattr__ = plain_module_getattr(__name__)

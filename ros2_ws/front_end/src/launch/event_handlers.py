"""Event handlers: what to do when something happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .action import Action, LaunchDescriptionEntity, SomeEntitiesType
from .events import Event, Shutdown
from .events.process import ProcessExited, ProcessStarted
from .uncovered import module_getattr, reject_arguments

if TYPE_CHECKING:
    from .launch_context import LaunchContext

__all__ = [
    "OnProcessExit",
    "OnProcessStart",
    "OnShutdown",
]

ActionMatcher = Callable[[Any], bool] | Action | None
Reaction = SomeEntitiesType | Callable[..., SomeEntitiesType | None] | None


class EventHandler:
    """Visits fixed entities when its matcher accepts an event."""

    def __init__(
        self,
        *,
        matcher: Callable[[Event], bool],
        entities: SomeEntitiesType | None = None,
        handle_once: bool = False,
        **uncovered: Any,
    ) -> None:
        """Create a handler for the events for which `matcher` returns True.

        Args:
            matcher: says of an event whether it is handled.
            entities: what is visited for each such event.
            handle_once: the handler is removed after its first event.
            uncovered: refused by name.
        """
        reject_arguments(self, uncovered)
        self._matcher = matcher
        self._entities = entities
        self._handle_once = handle_once

    @property
    def entities(self) -> SomeEntitiesType | None:
        """What is visited for each matching event."""
        return self._entities

    def matches(self, event: Event) -> bool:
        """Return whether this handler wants the event."""
        return self._matcher(event)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        """Put the event into the context's locals and return the entities to visit."""
        context.extend_locals({"event": event})
        if self._handle_once:
            context.unregister_event_handler(self)
        return self._entities


class _Reacting(EventHandler):
    """Visits fixed entities, or those that a function of the event and the context returns."""

    def __init__(self, matcher: Callable[[Event], bool], reaction: Reaction, **kwargs: Any) -> None:
        self._function: Callable[..., SomeEntitiesType | None] | None = None
        entities: SomeEntitiesType | None = None
        if reaction is None or isinstance(reaction, LaunchDescriptionEntity):
            entities = reaction
        elif isinstance(reaction, Iterable):
            entities = [self._checked(entity) for entity in reaction]
        else:
            self._function = reaction
        super().__init__(matcher=matcher, entities=entities, **kwargs)

    def _checked(self, entity: Any) -> LaunchDescriptionEntity:
        if isinstance(entity, LaunchDescriptionEntity):
            return entity
        name = type(self).__name__
        raise TypeError(f"{name}: expected actions or a function, got {entity!r}")

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        entities = super().handle(event, context)
        return entities if self._function is None else self._function(event, context)


class _OnProcessEvent(_Reacting):
    """Reacts to events of one class, of all processes or of those that are matched."""

    event_class: type[Event]

    def __init__(self, target_action: ActionMatcher, reaction: Reaction, **kwargs: Any) -> None:
        is_known = isinstance(target_action, Action) or callable(target_action)
        if target_action is not None and not is_known:
            raise TypeError(
                f"{type(self).__name__}: target_action has to be an action or a function, "
                f"got {target_action!r}"
            )
        self._target = target_action
        super().__init__(self._is_wanted, reaction, **kwargs)

    def _is_wanted(self, event: Event) -> bool:
        if not isinstance(event, self.event_class):
            return False
        action = getattr(event, "action")  # noqa: B009 - all events of these classes have one
        if self._target is None:
            return True
        if isinstance(self._target, Action):
            return action is self._target
        return self._target(action)


class OnProcessStart(_OnProcessEvent):
    """Reacts to the start of a process."""

    event_class = ProcessStarted

    def __init__(
        self, *, target_action: ActionMatcher = None, on_start: Reaction, **kwargs: Any
    ) -> None:
        """Create a handler for one process, matching processes, or all."""
        super().__init__(target_action, on_start, **kwargs)


class OnProcessExit(_OnProcessEvent):
    """Reacts to the end of a process."""

    event_class = ProcessExited

    def __init__(
        self, *, target_action: ActionMatcher = None, on_exit: Reaction, **kwargs: Any
    ) -> None:
        """Create a handler for one process, matching processes, or all."""
        super().__init__(target_action, on_exit, **kwargs)


class OnShutdown(_Reacting):
    """Reacts to the shutdown of the launch."""

    def __init__(self, *, on_shutdown: Reaction, **kwargs: Any) -> None:
        """Create a handler with actions, or a function of the event and the context."""
        super().__init__(lambda event: isinstance(event, Shutdown), on_shutdown, **kwargs)


__getattr__ = module_getattr(__name__)

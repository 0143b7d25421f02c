"""Event handlers: what to do when something happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .event import Event
from .some_entities_type import SomeEntitiesType
from .uncovered import reject_arguments

if TYPE_CHECKING:
    from .launch_context import LaunchContext


class BaseEventHandler:
    """Handles the events that its matcher accepts."""

    def __init__(
        self, *, matcher: Callable[[Event], bool], handle_once: bool = False, **uncovered: Any
    ) -> None:
        """Create a handler; with `handle_once` it is removed after its first event."""
        reject_arguments(self, uncovered)
        self._matcher = matcher
        self._handle_once = handle_once

    @property
    def handle_once(self) -> bool:
        """Whether the handler is removed after its first event."""
        return self._handle_once

    def matches(self, event: Event) -> bool:
        """Return whether this handler wants the event."""
        return self._matcher(event)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        """Put the event into the context's locals and return the entities to visit."""
        context.extend_locals({"event": event})
        if self._handle_once:
            context.unregister_event_handler(self)
        return None


class EventHandler(BaseEventHandler):
    """Visits fixed entities when its matcher accepts an event."""

    def __init__(
        self,
        *,
        matcher: Callable[[Event], bool],
        entities: SomeEntitiesType | None = None,
        handle_once: bool = False,
        **uncovered: Any,
    ) -> None:
        """Create a handler for the events for which `matcher` returns True."""
        super().__init__(matcher=matcher, handle_once=handle_once, **uncovered)
        self._entities = entities

    @property
    def entities(self) -> SomeEntitiesType | None:
        """What is visited for each matching event."""
        return self._entities

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        """Return the entities."""
        super().handle(event, context)
        return self._entities

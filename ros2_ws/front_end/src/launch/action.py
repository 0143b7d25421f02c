"""Base class of the actions of a launch description."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .condition import Condition
from .launch_description_entity import LaunchDescriptionEntity
from .uncovered import reject_arguments

if TYPE_CHECKING:
    from .launch_context import LaunchContext


class Action(LaunchDescriptionEntity):
    """Something to do, possibly only under a condition."""

    def __init__(self, *, condition: Condition | None = None, **uncovered: Any) -> None:
        """Create an action.

        Args:
            condition: evaluated when the action is visited; the action is left out if it is false.
            uncovered: what a subclass did not take; refused by name.

        Raises:
            TypeError: for a keyword argument that this front end does not cover.
        """
        reject_arguments(self, uncovered)
        self._condition = condition

    @property
    def condition(self) -> Condition | None:
        """The condition under which the action is executed, or None."""
        return self._condition

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the entities this action is known to yield."""
        return []

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return what is visited after this action, if it has no condition."""
        return self.get_sub_entities() if self._condition is None else []

    def describe_conditional_sub_entities(
        self,
    ) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """Return what is visited after this action, if it has a condition."""
        if self._condition is None:
            return []
        return [(f"if {self._condition.describe()}", self.get_sub_entities())]

    def visit(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Execute the action unless its condition is false."""
        if self._condition is not None and not self._condition.evaluate(context):
            return None
        try:
            return self.execute(context)
        finally:
            self._announce_completion(context)

    def execute(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Do the work, and return the entities to visit next."""
        return None

    def _announce_completion(self, context: LaunchContext) -> None:
        from .events import ExecutionComplete

        event = ExecutionComplete(action=self)
        if not context.would_handle_event(event):
            return
        future = self.get_asyncio_future()
        if future is None:
            context.emit_event_sync(event)
        else:
            future.add_done_callback(lambda _: context.emit_event_sync(event))

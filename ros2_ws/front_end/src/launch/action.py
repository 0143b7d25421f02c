"""What a launch description is made of: entities, and the actions among them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .uncovered import reject_arguments

if TYPE_CHECKING:
    from .conditions import Condition
    from .launch_context import LaunchContext


class LaunchDescriptionEntity:
    """Something that can be visited while a launch runs."""

    def visit(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Do the work, and return the entities to visit next."""
        raise NotImplementedError(f"{type(self).__name__}.visit")

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the entities that will certainly be visited after this one."""
        return []

    def describe_conditional_sub_entities(
        self,
    ) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """Return pairs of a condition in words and the entities visited if it holds."""
        return []

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        """Return the future that is done when this entity is, or None if it already is."""
        return None


SomeEntitiesType = LaunchDescriptionEntity | Iterable[LaunchDescriptionEntity]


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
        return [("if its condition holds", self.get_sub_entities())]

    def visit(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Execute the action unless its condition is false."""
        if self._condition is not None and not self._condition.evaluate(context):
            return None
        return self.execute(context)

    def execute(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Do the work, and return the entities to visit next."""
        return None

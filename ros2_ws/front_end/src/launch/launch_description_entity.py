"""Base class of what a launch description is made of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .launch_context import LaunchContext


class LaunchDescriptionEntity:
    """Something that can be visited while a launch runs."""

    def visit(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Do the work, and return the entities to visit next."""
        raise NotImplementedError(f"{type(self).__name__}.visit")

    def describe(self) -> str:
        """Return a short text for people."""
        return repr(self)

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

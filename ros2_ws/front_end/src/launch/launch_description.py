"""Launch descriptions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .action import Action, LaunchDescriptionEntity
from .uncovered import reject_arguments

if TYPE_CHECKING:
    from .actions import DeclareLaunchArgument
    from .launch_context import LaunchContext


class LaunchDescription(LaunchDescriptionEntity):
    """A list of entities that are visited in order."""

    def __init__(
        self, initial_entities: Iterable[LaunchDescriptionEntity] | None = None, **uncovered: Any
    ) -> None:
        """Create a description from its entities."""
        reject_arguments(self, uncovered)
        self._entities = list(initial_entities or [])

    @property
    def entities(self) -> list[LaunchDescriptionEntity]:
        """The entities, in order."""
        return self._entities

    def add_entity(self, entity: LaunchDescriptionEntity) -> None:
        """Append an entity."""
        self._entities.append(entity)

    def add_action(self, action: Action) -> None:
        """Append an action."""
        self.add_entity(action)

    def visit(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity]:
        """Return the entities."""
        return self._entities

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the entities."""
        return self._entities

    def get_launch_arguments(
        self, conditional_inclusion: bool = False
    ) -> list[DeclareLaunchArgument]:
        """Return the arguments declared here and in what is included, first declaration first.

        Includes whose path depends on values that are only known at run time are not seen.
        """
        found: dict[str, DeclareLaunchArgument] = {}
        _collect_arguments(self._entities, conditional_inclusion, found)
        return list(found.values())


def _collect_arguments(
    entities: Iterable[LaunchDescriptionEntity],
    conditional: bool,
    found: dict[str, DeclareLaunchArgument],
) -> None:
    from .actions import DeclareLaunchArgument

    for entity in entities:
        if isinstance(entity, DeclareLaunchArgument) and entity.name not in found:
            entity.conditionally_included = conditional or entity.condition is not None
            found[entity.name] = entity
        _collect_arguments(entity.describe_sub_entities(), conditional, found)
        for _, conditional_entities in entity.describe_conditional_sub_entities():
            _collect_arguments(conditional_entities, True, found)

"""Scopes of launch configurations and environment variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..action import Action
from ..launch_description_entity import LaunchDescriptionEntity
from ..some_substitutions_type import SomeSubstitutionsType
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from .launch_configurations import SetLaunchConfiguration

if TYPE_CHECKING:
    from ..launch_context import LaunchContext

Configurations = Mapping[Any, SomeSubstitutionsType]


class PushLaunchConfigurations(Action):
    """Opens a scope of launch configurations."""

    def execute(self, context: LaunchContext) -> None:
        """Open it."""
        context.push_launch_configurations()


class PopLaunchConfigurations(Action):
    """Closes the innermost scope of launch configurations."""

    def execute(self, context: LaunchContext) -> None:
        """Close it."""
        context.pop_launch_configurations()


class ResetLaunchConfigurations(Action):
    """Removes all launch configurations but those given."""

    def __init__(self, launch_configurations: Configurations | None = None, **kwargs: Any) -> None:
        """Create the action from the launch configurations to be set instead."""
        super().__init__(**kwargs)
        self._kept = dict(launch_configurations or {})

    def execute(self, context: LaunchContext) -> None:
        """Evaluate what is kept, then replace everything by it."""

        def text(subs: SomeSubstitutionsType) -> str:
            return perform_substitutions(context, normalize_to_list_of_substitutions(subs))

        kept = {text(name): text(value) for name, value in self._kept.items()}
        context.launch_configurations.clear()
        context.launch_configurations.update(kept)


class PushEnvironment(Action):
    """Opens a scope of environment variables."""

    def execute(self, context: LaunchContext) -> None:
        """Open it."""
        context.push_environment()


class PopEnvironment(Action):
    """Closes the innermost scope of environment variables."""

    def execute(self, context: LaunchContext) -> None:
        """Close it."""
        context.pop_environment()


class ResetEnvironment(Action):
    """Puts back the environment that the launch was started with."""

    def execute(self, context: LaunchContext) -> None:
        """Put it back."""
        context.reset_environment()


class GroupAction(Action):
    """Visits actions, by default in a scope of their own."""

    def __init__(
        self,
        actions: Iterable[LaunchDescriptionEntity],
        *,
        scoped: bool = True,
        forwarding: bool = True,
        launch_configurations: Configurations | None = None,
        **kwargs: Any,
    ) -> None:
        """Group actions.

        Args:
            actions: what is visited, in order.
            scoped: launch configurations and environment are as before after the group.
            forwarding: those of the surroundings are seen in a scoped group.
            launch_configurations: set for the actions of the group.
            kwargs: `condition`.
        """
        super().__init__(**kwargs)
        self._actions = list(actions)
        self._scoped = scoped
        self._forwarding = forwarding
        self._configurations = dict(launch_configurations or {})

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the actions, between those that open and close the scope."""
        settings: list[LaunchDescriptionEntity] = [
            SetLaunchConfiguration(name, value) for name, value in self._configurations.items()
        ]
        if not self._scoped:
            return [*settings, *self._actions]
        if not self._forwarding:
            settings = [ResetEnvironment(), ResetLaunchConfigurations(self._configurations)]
        return [
            PushLaunchConfigurations(),
            PushEnvironment(),
            *settings,
            *self._actions,
            PopEnvironment(),
            PopLaunchConfigurations(),
        ]

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Return the sub-entities."""
        return self.get_sub_entities()

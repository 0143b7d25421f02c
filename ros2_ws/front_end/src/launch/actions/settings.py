"""Launch arguments, launch configurations, and the environment that launched processes get."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..action import Action
from ..substitution import SomeSubstitutionsType, Substitution
from ..utilities import (
    normalize_to_list_of_substitutions,
    perform_substitutions,
    text_of,
    typed_value,
)

if TYPE_CHECKING:
    from ..launch_context import LaunchContext


class DeclareLaunchArgument(Action):
    """Makes sure that a launch configuration is set, to its default if to nothing else."""

    def __init__(
        self,
        name: str,
        *,
        default_value: SomeSubstitutionsType | None = None,
        description: str | None = None,
        choices: Iterable[str] | None = None,
        **kwargs: Any,
    ) -> None:
        """Declare an argument; without a default it has to be given.

        Raises:
            RuntimeError: if there are no choices in `choices`, or the default is not among them.
        """
        super().__init__(**kwargs)
        self._name = name
        self._choices = None if choices is None else list(choices)
        self._default = (
            None if default_value is None else normalize_to_list_of_substitutions(default_value)
        )
        if self._choices is not None:
            if not self._choices:
                raise RuntimeError(f"launch argument '{name}' has an empty list of choices")
            if isinstance(default_value, str) and default_value not in self._choices:
                raise RuntimeError(
                    f"the default '{default_value}' of launch argument '{name}' is not among "
                    f"its choices {self._choices}"
                )
        self._description = _full_description(description, self._choices)
        self.conditionally_included = False

    @property
    def name(self) -> str:
        """The name of the argument and of its launch configuration."""
        return self._name

    @property
    def default_value(self) -> list[Substitution] | None:
        """The default, or None if the argument has to be given."""
        return self._default

    @property
    def description(self) -> str:
        """What the argument means, and its choices."""
        return self._description

    @property
    def choices(self) -> list[str] | None:
        """The valid values, or None if all are."""
        return self._choices

    def execute(self, context: LaunchContext) -> None:
        """Set the launch configuration if it is not set, and check its value.

        Raises:
            RuntimeError: if a value is missing, or is not among the choices.
        """
        configurations = context.launch_configurations
        if self._name not in configurations:
            if self._default is None:
                raise RuntimeError(
                    f'Required launch argument "{self._name}" was not provided '
                    f"({self._description})"
                )
            configurations[self._name] = perform_substitutions(context, self._default)
        value = configurations[self._name]
        if self._choices is not None and value not in self._choices:
            raise RuntimeError(
                f'Argument "{self._name}" provided value "{value}" is not valid. '
                f"Valid options are: {self._choices}"
            )


def _full_description(description: str | None, choices: list[str] | None) -> str:
    if choices is None:
        return "no description given" if description is None else description
    if description is None:
        return f"One of: {choices}"
    sentence = description if description.endswith(".") else description + "."
    return f"{sentence} Valid choices are: {choices}"


class _Setting(Action):
    """Sets a value by its name, wherever a subclass keeps such values."""

    def __init__(
        self, name: SomeSubstitutionsType, value: SomeSubstitutionsType, **kwargs: Any
    ) -> None:
        """Create the action from the name and the value."""
        super().__init__(**kwargs)
        self._name = normalize_to_list_of_substitutions(name)
        self._value = normalize_to_list_of_substitutions(value)

    def _perform(self, context: LaunchContext) -> tuple[str, str]:
        name = perform_substitutions(context, self._name)
        return name, perform_substitutions(context, self._value)


class SetLaunchConfiguration(_Setting):
    """Sets a launch configuration."""

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        name, value = self._perform(context)
        context.launch_configurations[name] = value


class SetEnvironmentVariable(_Setting):
    """Sets an environment variable."""

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        name, value = self._perform(context)
        context.environment[name] = value


class UnsetEnvironmentVariable(Action):
    """Removes an environment variable."""

    def __init__(self, name: SomeSubstitutionsType, **kwargs: Any) -> None:
        """Create the action from the name."""
        super().__init__(**kwargs)
        self._name = normalize_to_list_of_substitutions(name)

    def execute(self, context: LaunchContext) -> None:
        """Remove it if it is set."""
        context.environment.pop(perform_substitutions(context, self._name), None)


class AppendEnvironmentVariable(SetEnvironmentVariable):
    """Adds to a list in an environment variable."""

    def __init__(
        self,
        name: SomeSubstitutionsType,
        value: SomeSubstitutionsType,
        prepend: bool | SomeSubstitutionsType = False,
        separator: SomeSubstitutionsType = os.pathsep,
        **kwargs: Any,
    ) -> None:
        """Create the action; the value goes to the front with `prepend`."""
        super().__init__(name, value, **kwargs)
        self._separator = separator
        self._prepend = prepend

    def execute(self, context: LaunchContext) -> None:
        """Add the value."""
        before = context.environment.get(perform_substitutions(context, self._name))
        super().execute(context)
        if before is None:
            return
        name = perform_substitutions(context, self._name)
        parts = [before, context.environment[name]]
        if typed_value(context, self._prepend, bool):
            parts.reverse()
        context.environment[name] = text_of(context, self._separator).join(parts)

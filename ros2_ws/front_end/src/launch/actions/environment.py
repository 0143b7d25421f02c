"""Actions on the environment that launched processes get."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..action import Action
from ..some_substitutions_type import SomeSubstitutionsType
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.type_utils import perform_typed_substitution

if TYPE_CHECKING:
    from ..launch_context import LaunchContext


class SetEnvironmentVariable(Action):
    """Sets an environment variable."""

    def __init__(
        self, name: SomeSubstitutionsType, value: SomeSubstitutionsType, **kwargs: Any
    ) -> None:
        """Create the action from the name and the value."""
        super().__init__(**kwargs)
        self._name = normalize_to_list_of_substitutions(name)
        self._value = normalize_to_list_of_substitutions(value)

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        name = perform_substitutions(context, self._name)
        context.environment[name] = perform_substitutions(context, self._value)


class UnsetEnvironmentVariable(Action):
    """Removes an environment variable."""

    def __init__(self, name: SomeSubstitutionsType, **kwargs: Any) -> None:
        """Create the action from the name."""
        super().__init__(**kwargs)
        self._name = normalize_to_list_of_substitutions(name)

    def execute(self, context: LaunchContext) -> None:
        """Remove it if it is set."""
        context.environment.pop(perform_substitutions(context, self._name), None)


class AppendEnvironmentVariable(Action):
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
        super().__init__(**kwargs)
        self._name = normalize_to_list_of_substitutions(name)
        self._value = normalize_to_list_of_substitutions(value)
        self._separator = normalize_to_list_of_substitutions(separator)
        self._prepend = prepend

    def execute(self, context: LaunchContext) -> None:
        """Add the value."""
        name = perform_substitutions(context, self._name)
        parts = [perform_substitutions(context, self._value)]
        if name in context.environment:
            at_end = not perform_typed_substitution(context, self._prepend, bool)
            parts.insert(0 if at_end else 1, context.environment[name])
        context.environment[name] = perform_substitutions(context, self._separator).join(parts)

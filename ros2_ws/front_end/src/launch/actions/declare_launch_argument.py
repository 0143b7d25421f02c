"""Declaration of launch arguments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..action import Action
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions

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

"""Values that are looked up: launch configurations, environment, locals, log directory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import logging as launch_logging
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution
from ..utilities import (
    describe_substitutions,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)
from .failure import SubstitutionFailure

if TYPE_CHECKING:
    from ..launch_context import LaunchContext


def _normalize_default(default: Any) -> list[Substitution] | None:
    """Return the default as substitutions; numbers and truth values are taken as their text."""
    if default is None:
        return None
    if isinstance(default, (str, Substitution)):
        return normalize_to_list_of_substitutions(default)
    if isinstance(default, (list, tuple)):
        items = [item if isinstance(item, Substitution) else str(item) for item in default]
        return normalize_to_list_of_substitutions(items)
    return normalize_to_list_of_substitutions(str(default))


class _LookUp(Substitution):
    """A value looked up by a name, with an optional default."""

    _label: str
    _kind: str

    def __init__(self, name: SomeSubstitutionsType, default: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._name = normalize_to_list_of_substitutions(name)
        self._default = _normalize_default(default)

    def describe(self) -> str:
        """Return the name, quoted."""
        return f"{self._label}({describe_substitutions(self._name)})"

    def _values(self, context: LaunchContext) -> Any:
        raise NotImplementedError

    def perform(self, context: LaunchContext) -> str:
        """Return the value, or the default.

        Raises:
            SubstitutionFailure: if there is neither.
        """
        name = perform_substitutions(context, self._name)
        values = self._values(context)
        if name in values:
            return str(values[name])
        if self._default is None:
            raise SubstitutionFailure(f"{self._kind} '{name}' is not set")
        return perform_substitutions(context, self._default)


class LaunchConfiguration(_LookUp):
    """The value of a launch configuration."""

    _label = "LaunchConfig"
    _kind = "launch configuration"

    def __init__(
        self, variable_name: SomeSubstitutionsType, *, default: Any = None, **kwargs: Any
    ) -> None:
        """Create a substitution for the launch configuration with this name."""
        super().__init__(variable_name, default, **kwargs)

    @property
    def variable_name(self) -> list[Substitution]:
        """The name of the launch configuration."""
        return self._name

    def _values(self, context: LaunchContext) -> Any:
        return context.launch_configurations


class EnvironmentVariable(_LookUp):
    """The value of an environment variable."""

    _label = "EnvVar"
    _kind = "environment variable"

    def __init__(
        self,
        name: SomeSubstitutionsType,
        *,
        default_value: SomeSubstitutionsType | None = None,
        **kwargs: Any,
    ) -> None:
        """Create a substitution for the environment variable with this name."""
        super().__init__(name, default_value, **kwargs)

    @property
    def name(self) -> list[Substitution]:
        """The name of the variable."""
        return self._name

    def _values(self, context: LaunchContext) -> Any:
        return context.environment


class LocalSubstitution(Substitution):
    """The value of a Python expression over the locals of the context."""

    def __init__(self, expression: str, description: str | None = None, **kwargs: Any) -> None:
        """Create a substitution such as `LocalSubstitution('event.returncode')`."""
        super().__init__(**kwargs)
        self._expression = expression
        self._description = description

    def describe(self) -> str:
        """Return the description or the expression."""
        return f"LocalVar('{self._description or self._expression}')"

    def perform(self, context: LaunchContext) -> str:
        """Return the value as text."""
        # Launch files are programs; an expression in one is no less trusted than the file itself.
        return str(eval(self._expression, {}, context.get_locals_as_dict()))


class LaunchLogDir(Substitution):
    """The log directory of this launch."""

    def perform(self, context: LaunchContext) -> str:
        """Return its path."""
        return launch_logging.launch_config.log_dir

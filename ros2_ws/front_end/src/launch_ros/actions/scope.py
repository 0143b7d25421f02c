"""Settings for all nodes of a scope: namespace, parameters, remappings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.substitution import SomeSubstitutionsType
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

from ..names import join_namespaces
from ..parameters import evaluate_parameter_dict

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

# The launch configurations that hold the settings: they end with the scope that they are made in.
NAMESPACE = "ros_namespace"
PARAMETERS = "global_params"
REMAPPINGS = "ros_remaps"


def _add(context: LaunchContext, setting: str, items: list[Any]) -> None:
    # A new list: the outer scope keeps its own.
    configurations = context.launch_configurations
    configurations[setting] = [*configurations.get(setting, ()), *items]


class PushRosNamespace(Action):
    """Puts the following nodes of the scope into a namespace."""

    def __init__(self, namespace: SomeSubstitutionsType, **kwargs: Any) -> None:
        """Create the action; a relative namespace is within the one pushed before."""
        super().__init__(**kwargs)
        self._namespace = normalize_to_list_of_substitutions(namespace)

    def execute(self, context: LaunchContext) -> None:
        """Set the namespace.

        Raises:
            SubstitutionFailure: if it is not a valid one.
        """
        configurations = context.launch_configurations
        pushed = perform_substitutions(context, self._namespace)
        configurations[NAMESPACE] = join_namespaces(configurations.get(NAMESPACE), pushed)


PushROSNamespace = PushRosNamespace


class SetParameter(Action):
    """Sets a parameter of the following nodes of the scope."""

    def __init__(self, name: SomeSubstitutionsType, value: Any, **kwargs: Any) -> None:
        """Create the action from the name and the value."""
        super().__init__(**kwargs)
        self._name = normalize_to_list_of_substitutions(name)
        self._value = value

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        parameters = evaluate_parameter_dict(context, {tuple(self._name): self._value})
        _add(context, PARAMETERS, list(parameters.items()))


class SetRemap(Action):
    """Sets a remapping rule for the following nodes of the scope."""

    def __init__(
        self, src: SomeSubstitutionsType, dst: SomeSubstitutionsType, **kwargs: Any
    ) -> None:
        """Create the action from the name and what it becomes."""
        super().__init__(**kwargs)
        self._rule = [normalize_to_list_of_substitutions(name) for name in (src, dst)]

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        source, target = (perform_substitutions(context, name) for name in self._rule)
        _add(context, REMAPPINGS, [(source, target)])

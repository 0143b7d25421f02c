"""Conditions of actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .condition import Condition
from .some_substitutions_type import SomeSubstitutionsType
from .substitution import Substitution
from .uncovered import plain_module_getattr
from .utilities import (
    describe_substitutions,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

if TYPE_CHECKING:
    from .launch_context import LaunchContext

__all__ = [
    "IfCondition",
    "InvalidConditionExpressionError",
    "LaunchConfigurationEquals",
    "LaunchConfigurationNotEquals",
    "UnlessCondition",
    "evaluate_condition_expression",
]

_TRUE = ("true", "1")
_FALSE = ("false", "0")


class InvalidConditionExpressionError(RuntimeError):
    """The text of a condition is neither true nor false."""


def evaluate_condition_expression(context: LaunchContext, expression: list[Substitution]) -> bool:
    """Return whether the expression says true.

    Raises:
        InvalidConditionExpressionError: if it says neither true, false, 1 nor 0.
    """
    text = perform_substitutions(context, expression).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise InvalidConditionExpressionError(
        f"the condition {describe_substitutions(expression)} is {text!r}; "
        f"expected one of: {', '.join(_TRUE + _FALSE)}"
    )


class IfCondition(Condition):
    """True if the expression says true."""

    def __init__(self, predicate_expression: SomeSubstitutionsType) -> None:
        """Create a condition from text that says true, false, 1 or 0."""
        self._expression = normalize_to_list_of_substitutions(predicate_expression)
        super().__init__(predicate=self._holds)

    def _holds(self, context: LaunchContext) -> bool:
        return evaluate_condition_expression(context, self._expression)

    def describe(self) -> str:
        """Return the expression."""
        return f"{type(self).__name__}({describe_substitutions(self._expression)})"


class UnlessCondition(IfCondition):
    """True if the expression says false."""

    def _holds(self, context: LaunchContext) -> bool:
        return not super()._holds(context)


class LaunchConfigurationEquals(Condition):
    """True if a launch configuration has a value; None stands for one that is not set."""

    def __init__(
        self,
        launch_configuration_name: str,
        expected_value: SomeSubstitutionsType | None,
    ) -> None:
        """Create a condition on the launch configuration with this name."""
        self._name = launch_configuration_name
        self._expected = (
            None if expected_value is None else normalize_to_list_of_substitutions(expected_value)
        )
        super().__init__(predicate=self._holds)

    def _holds(self, context: LaunchContext) -> bool:
        value = context.launch_configurations.get(self._name)
        if self._expected is None:
            return value is None
        return value is not None and value == perform_substitutions(context, self._expected)

    def describe(self) -> str:
        """Return the name and the value."""
        expected = None if self._expected is None else describe_substitutions(self._expected)
        return f"{type(self).__name__}({self._name}, {expected})"


class LaunchConfigurationNotEquals(LaunchConfigurationEquals):
    """True if a launch configuration does not have a value."""

    def _holds(self, context: LaunchContext) -> bool:
        return not super()._holds(context)


__getattr__ = plain_module_getattr(__name__)

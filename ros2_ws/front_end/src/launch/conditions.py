"""Conditions of actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .substitution import SomeSubstitutionsType, Substitution
from .uncovered import module_getattr
from .utilities import (
    describe_substitutions,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

if TYPE_CHECKING:
    from .launch_context import LaunchContext

__all__ = ["IfCondition", "InvalidConditionExpressionError", "UnlessCondition"]

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


class Condition:
    """A predicate over the launch context."""

    def __init__(self, *, predicate: Callable[[LaunchContext], bool] | None = None) -> None:
        """Create a condition from a function of the context."""
        self._predicate = predicate

    def evaluate(self, context: LaunchContext) -> bool:
        """Return whether the condition holds now."""
        return self._predicate(context) if self._predicate is not None else True


class IfCondition(Condition):
    """True if the expression says true."""

    def __init__(self, predicate_expression: SomeSubstitutionsType) -> None:
        """Create a condition from text that says true, false, 1 or 0."""
        self._expression = normalize_to_list_of_substitutions(predicate_expression)
        super().__init__(predicate=self._holds)

    def _holds(self, context: LaunchContext) -> bool:
        return evaluate_condition_expression(context, self._expression)


class UnlessCondition(IfCondition):
    """True if the expression says false."""

    def _holds(self, context: LaunchContext) -> bool:
        return not super()._holds(context)


__getattr__ = module_getattr(__name__)

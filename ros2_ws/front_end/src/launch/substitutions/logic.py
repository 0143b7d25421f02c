"""Truth values: text that says true or false."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution
from ..utilities import (
    describe_substitutions,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)
from ..utilities.type_utils import is_substitution, perform_typed_substitution
from .failure import SubstitutionFailure

if TYPE_CHECKING:
    from ..launch_context import LaunchContext


class _Logic(Substitution):
    """A truth value made from others."""

    def __init__(self, *operands: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._operands = [normalize_to_list_of_substitutions(operand) for operand in operands]

    def describe(self) -> str:
        """Return the operands."""
        operands = " ".join(describe_substitutions(operand) for operand in self._operands)
        return f"{type(self).__name__}({operands})"

    def perform(self, context: LaunchContext) -> str:
        """Return "true" or "false"."""
        return "true" if self._holds([self._truth(context, o) for o in self._operands]) else "false"

    def _truth(self, context: LaunchContext, operand: list[Substitution]) -> bool:
        try:
            truth = perform_typed_substitution(context, operand, bool)
        except ValueError as error:
            raise SubstitutionFailure(f"{self.describe()}: {error}") from error
        if not isinstance(truth, bool):
            raise SubstitutionFailure(f"{self.describe()}: expected true or false, got ''")
        return truth

    def _holds(self, operands: list[bool]) -> bool:
        raise NotImplementedError


class NotSubstitution(_Logic):
    """True if the value says false."""

    def __init__(self, value: SomeSubstitutionsType, **kwargs: Any) -> None:
        """Create the negation of a value."""
        super().__init__(value, **kwargs)

    def _holds(self, operands: list[bool]) -> bool:
        return not operands[0]


class AllSubstitution(_Logic):
    """True if all values say true."""

    def _holds(self, operands: list[bool]) -> bool:
        return all(operands)


class AnySubstitution(_Logic):
    """True if a value says true."""

    def _holds(self, operands: list[bool]) -> bool:
        return any(operands)


class AndSubstitution(AllSubstitution):
    """True if both values say true."""

    def __init__(
        self, left: SomeSubstitutionsType, right: SomeSubstitutionsType, **kwargs: Any
    ) -> None:
        """Create the conjunction of two values."""
        super().__init__(left, right, **kwargs)


class OrSubstitution(AnySubstitution):
    """True if one of both values says true."""

    def __init__(
        self, left: SomeSubstitutionsType, right: SomeSubstitutionsType, **kwargs: Any
    ) -> None:
        """Create the disjunction of two values."""
        super().__init__(left, right, **kwargs)


def _as_text(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value if is_substitution(value) else str(value)


class EqualsSubstitution(Substitution):
    """True if both sides are the same truth value, nearly the same number, or the same text."""

    def __init__(self, left: Any, right: Any, **kwargs: Any) -> None:
        """Create the comparison; None stands for empty text."""
        super().__init__(**kwargs)
        self._left = normalize_to_list_of_substitutions(_as_text(left))
        self._right = normalize_to_list_of_substitutions(_as_text(right))

    def describe(self) -> str:
        """Return both sides."""
        left, right = describe_substitutions(self._left), describe_substitutions(self._right)
        return f"{type(self).__name__}({left} {right})"

    def perform(self, context: LaunchContext) -> str:
        """Return "true" or "false"."""
        return "true" if self._is_equal(context) else "false"

    def _is_equal(self, context: LaunchContext) -> bool:
        left = perform_substitutions(context, self._left)
        right = perform_substitutions(context, self._right)
        truths = {"true": True, "1": True, "false": False, "0": False}
        if left.lower() in truths and right.lower() in truths:
            return truths[left.lower()] == truths[right.lower()]
        try:
            return math.isclose(float(left), float(right))
        except ValueError:
            return left == right


class NotEqualsSubstitution(EqualsSubstitution):
    """True if both sides differ."""

    def _is_equal(self, context: LaunchContext) -> bool:
        return not super()._is_equal(context)


class IfElseSubstitution(Substitution):
    """One of two values, by a condition."""

    def __init__(
        self,
        condition: SomeSubstitutionsType,
        if_value: SomeSubstitutionsType = "",
        else_value: SomeSubstitutionsType = "",
        **kwargs: Any,
    ) -> None:
        """Create the choice between two values."""
        super().__init__(**kwargs)
        self._condition = normalize_to_list_of_substitutions(condition)
        self._values = {
            "true": normalize_to_list_of_substitutions(if_value),
            "false": normalize_to_list_of_substitutions(else_value),
        }

    def describe(self) -> str:
        """Return the condition and both values."""
        parts = [self._condition, *self._values.values()]
        return f"IfElseSubstitution({', '.join(describe_substitutions(part) for part in parts)})"

    def perform(self, context: LaunchContext) -> str:
        """Return the value that is chosen."""
        chosen = AllSubstitution(self._condition).perform(context)
        return perform_substitutions(context, self._values[chosen])

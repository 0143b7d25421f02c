"""Base class of the conditions that actions carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .launch_context import LaunchContext


class Condition:
    """A predicate over the launch context."""

    def __init__(self, *, predicate: Callable[[LaunchContext], bool] | None = None) -> None:
        """Create a condition from a function of the context."""
        self._predicate = predicate

    def describe(self) -> str:
        """Return a short text for people."""
        return repr(self)

    def evaluate(self, context: LaunchContext) -> bool:
        """Return whether the condition holds now."""
        return self._predicate(context) if self._predicate is not None else True

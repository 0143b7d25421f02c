"""Base class of everything that becomes text when the launch runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .uncovered import reject_arguments

if TYPE_CHECKING:
    from .launch_context import LaunchContext


class Substitution:
    """A piece of text that is only known once the launch runs."""

    def __init__(self, **uncovered: Any) -> None:
        """Create a substitution; keyword arguments that reach this class are not covered."""
        reject_arguments(self, uncovered)

    def describe(self) -> str:
        """Return a short text for `--show-args`."""
        return f"{type(self).__name__}()"

    def perform(self, context: LaunchContext) -> str:
        """Return the text in this context."""
        raise NotImplementedError(f"{type(self).__name__}.perform")

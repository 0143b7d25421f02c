"""Text that is only known once the launch runs: the base class, and what may stand for text."""

from __future__ import annotations

from collections.abc import Iterable
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


class TextSubstitution(Substitution):
    """Text that is known already."""

    def __init__(self, *, text: str, **kwargs: Any) -> None:
        """Create a substitution for a text."""
        super().__init__(**kwargs)
        if not isinstance(text, str):
            raise TypeError(f"TextSubstitution: expected text, got {text!r}")
        self._text = text

    @property
    def text(self) -> str:
        """The text."""
        return self._text

    def describe(self) -> str:
        """Return the text in quotes."""
        return f"'{self._text}'"

    def perform(self, context: LaunchContext) -> str:
        """Return the text."""
        return self._text


SomeSubstitutionsType = str | Substitution | Iterable[str | Substitution]

"""Plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..substitution import Substitution

if TYPE_CHECKING:
    from ..launch_context import LaunchContext


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

"""What an operator or a policy can be told: one rule for what is recorded, converted and trained.

A text with characters that nobody sees looks like another one, and is not the same to a tokenizer.
"""

from __future__ import annotations

import unicodedata

_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories of characters that nobody sees: control, format, surrogate, unassigned, ends
of lines and paragraphs. Spaces of any width are none of them."""


def fault(text: object) -> str:
    """Why something is no sentence that can be told.

    Args:
        text: Spaces and ends of lines around a sentence are the caller's to strip.

    Returns:
        What was expected and what came, for people; empty if it is a sentence.
    """
    if not isinstance(text, str) or not text.strip():
        return f"expected a sentence, got {text!r}"
    for place, character in enumerate(text, 1):
        if unicodedata.category(character) in _UNSEEN:
            return f"character {place} of {text!r} is {_named(character)}"
    return ""


def _named(character: str) -> str:
    """A character by its number and its name, as nobody sees it."""
    name = unicodedata.name(character, "a character without a name")
    return f"U+{ord(character):04X} ({name})"

"""Helpers for those who write substitutions and actions of their own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..substitution import Substitution
from ..uncovered import module_getattr

if TYPE_CHECKING:
    from ..launch_context import LaunchContext
    from ..some_substitutions_type import SomeSubstitutionsType

__all__ = [
    "describe_substitutions",
    "normalize_to_list_of_substitutions",
    "perform_substitutions",
]


def normalize_to_list_of_substitutions(subs: SomeSubstitutionsType) -> list[Substitution]:
    """Return text, a substitution or a sequence of both as a list of substitutions.

    Raises:
        TypeError: if there is anything else in it.
    """
    from ..substitutions.text_substitution import TextSubstitution

    if isinstance(subs, Substitution):
        return [subs]
    if isinstance(subs, str):
        return [TextSubstitution(text=subs)]
    if not isinstance(subs, Iterable):
        raise TypeError(_expected_text(subs))
    normalized: list[Substitution] = []
    for item in subs:
        if isinstance(item, str):
            normalized.append(TextSubstitution(text=item))
        elif isinstance(item, Substitution):
            normalized.append(item)
        else:
            raise TypeError(_expected_text(item))
    return normalized


def _expected_text(given: object) -> str:
    return f"expected text or a substitution, got {given!r} of type {type(given).__name__}"


def perform_substitutions(context: LaunchContext, subs: Iterable[Substitution]) -> str:
    """Return the joined text of the substitutions."""
    return "".join(context.perform_substitution(sub) for sub in subs)


def describe_substitutions(subs: Iterable[Substitution]) -> str:
    """Return the substitutions in the notation of `--show-args`."""
    return " + ".join(sub.describe() for sub in subs)


__getattr__ = module_getattr(__name__)

"""Errors that are told to the operator in one message."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class OperatorError(Exception):
    """Something the operator can put right; the message says how."""


def suggest(given: str, known: Iterable[str], kind: str) -> str:
    """Return a sentence with the names that are near to the one given, or with all known ones."""
    names = sorted(set(known))
    near = difflib.get_close_matches(given, names, n=4, cutoff=0.5)
    near += [name for name in names if given in name and name not in near][:4]
    if near:
        return f"Did you mean: {', '.join(near)}?"
    if not names:
        return f"There are no {kind}."
    shown = ", ".join(names[:20])
    return f"Known {kind}: {shown}{', ...' if len(names) > 20 else ''}"

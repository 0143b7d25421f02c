"""The types that may stand where text is wanted."""

from __future__ import annotations

import collections.abc
from collections.abc import Iterable

from .substitution import Substitution

SomeSubstitutionsType = str | Substitution | Iterable[str | Substitution]
SomeSubstitutionsType_types_tuple = (str, collections.abc.Iterable, Substitution)

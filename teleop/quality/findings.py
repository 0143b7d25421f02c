"""Rows of what is wrong: with one episode, or with a dataset as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Severity = Literal["error", "warning"]

SET_ASIDE = "leave it out: move its folder to trash/"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        severity: error: training on it, or exporting it, goes wrong.
        episode: Index, or None for the dataset as a whole.
        check: Which check says so, one or two words.
        text: What was found, and what is allowed.
        remedy: What to do.
    """

    severity: Severity
    episode: int | None
    check: str
    text: str
    remedy: str


class FindingDraft(NamedTuple):
    """A finding of which it is not said yet where it is."""

    severity: Severity
    check: str
    text: str
    remedy: str

    def at(self, episode: int | None) -> Finding:
        """The finding of an episode, or of the dataset as a whole (None)."""
        return Finding(self.severity, episode, self.check, self.text, self.remedy)

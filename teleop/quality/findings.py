"""Rows of what is wrong: with one episode, or with a dataset as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Severity = Literal["error", "warning"]
Check = Literal[
    "bad take",
    "black",
    "clock",
    "colours",
    "constant joint",
    "cut",
    "damaged",
    "drift",
    "duplicate",
    "empty",
    "frozen",
    "gap",
    "idle",
    "jerk",
    "joint order",
    "jump",
    "lag",
    "left out",
    "length",
    "limits",
    "misnamed",
    "missing arm",
    "missing camera",
    "missing frames",
    "missing states",
    "missing stream",
    "mixed",
    "not finite",
    "not sealed",
    "over-exposed",
    "paused",
    "pictures",
    "quarantine",
    "rate",
    "recovered",
    "skew",
    "stamps",
    "swapped cameras",
    "units",
]
"""All checks; on the command line with hyphens."""

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
    check: Check
    text: str
    remedy: str

    def at(self, episode: int | None) -> Finding:
        """The finding of an episode, or of the dataset as a whole (None)."""
        return Finding(self.severity, episode, self.check, self.text, self.remedy)

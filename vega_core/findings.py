"""What a check finds: one row of the doctor's table. Checks live beside what they check."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass


class Severity(enum.Enum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"
    SKIP = "skip"


@dataclass(frozen=True)
class Finding:
    """One check.

    Attributes:
        check: What was looked at, as `can_left: firmware`.
        state: How it came out.
        found: What there is, for people.
        remedy: What to do; empty where there is nothing to do.
    """

    check: str
    state: Severity
    found: str
    remedy: str = ""


def ok(check: str, found: str) -> Finding:
    """As it should be."""
    return Finding(check, Severity.OK, found)


def warn(check: str, found: str, remedy: str) -> Finding:
    """The robot may move, but somebody should know."""
    return Finding(check, Severity.WARN, found, remedy)


def fail(check: str, found: str, remedy: str) -> Finding:
    """The robot must not, or cannot, move like this."""
    return Finding(check, Severity.FAIL, found, remedy)


def skip(check: str, found: str, remedy: str = "") -> Finding:
    """Not looked at; `found` says why."""
    return Finding(check, Severity.SKIP, found, remedy)


def passed(rows: Iterable[Finding]) -> bool:
    """Whether nothing failed."""
    return all(row.state is not Severity.FAIL for row in rows)

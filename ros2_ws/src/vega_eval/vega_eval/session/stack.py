"""What a session needs of the launched robot or twin, and how it says that something is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vega_eval.errors import EvalError
from vega_eval.trials.record import Figures, Files, TrialRecord, TrialStarted, TrialVerdict
from vega_eval.trials.schedule import Placement


class Stopped(Exception):
    """The end was asked for; the present trial does not count."""


class StackError(EvalError):
    """The stack cannot do what a trial needs; the text says what and what to do."""


@dataclass(frozen=True)
class Played:
    """What happened in a trial.

    Attributes:
        verdict: By the rules; None where an operator has to judge.
        figures: What was measured.
        files: What it left.
        reset_difference: See `TrialRecord`.
    """

    verdict: TrialVerdict | None
    figures: Figures
    files: Files
    reset_difference: float | None = None


class Stack(Protocol):
    """The launched robot or twin. What it cannot do it raises as StackError."""

    def missing(self) -> list[str]:
        """What has to be mended before a trial can begin, for people."""

    def load(self, letter: str) -> None:
        """Makes a policy the one that plays; it does not act yet."""

    def home(self) -> None:
        """Leads both arms home."""

    def lay(self, placement: Placement, index: int) -> None:
        """Has the twin lay the scene; on a real table, shows where things belong."""

    def play(self, started: TrialStarted, placement: Placement, folder: Path) -> Played:
        """Lets the policy act until the trial ends, then stops it."""

    def seal(self, record: TrialRecord) -> None:
        """Finishes what was recorded beside, once the verdict is known."""

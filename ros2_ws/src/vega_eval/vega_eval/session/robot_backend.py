"""What the trial runner needs of a robot or twin, and how that says that something is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vega_eval.errors import EvalError
from vega_eval.trials.record import Figures, Files, TrialRecord, TrialStarted, TrialVerdict
from vega_eval.trials.schedule import Placement


class SessionStopped(Exception):
    """The end was asked for; the present trial does not count."""


class BackendError(EvalError):
    """The robot or twin cannot do what a trial needs; the text says what and what to do."""


class Refused(BackendError):
    """It was asked and said no, as a stopped gate does, or may not be asked now.

    The trial does not count then, and the session goes on.
    """


@dataclass(frozen=True)
class TrialResult:
    """What happened in a trial.

    Attributes:
        verdict: By the rules; None where an operator has to judge.
        figures: What was measured, if anything.
        files: What it left.
        reset_difference: See `TrialRecord`.
        stopped: Whether an emergency stop has ended it.
    """

    verdict: TrialVerdict | None
    figures: Figures | None
    files: Files
    reset_difference: float | None = None
    stopped: bool = False


class RobotBackend(Protocol):
    """A robot or twin that plays trials. What it cannot do it raises as BackendError.

    `home`, `reset_scene` and `play` move arms: they end with an error when people's consent ends
    before the arms have begun to move, `home` also on the way.
    """

    def missing(self) -> list[str]:
        """What has to be mended before a trial can begin, for people."""

    def load(self, letter: str) -> None:
        """Makes a policy the one that plays; it does not act yet."""

    def home(self) -> None:
        """Leads both arms home."""

    def reset_scene(self, placement: Placement, index: int) -> None:
        """Has the twin place the objects; on a real table, shows where they belong."""

    def play(self, started: TrialStarted, placement: Placement, folder: Path) -> TrialResult:
        """Lets the policy act until the trial ends, then stops it."""

    def finish_recording(self, record: TrialRecord) -> None:
        """Finishes what was recorded beside, once the verdict is known."""

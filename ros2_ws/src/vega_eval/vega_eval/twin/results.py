"""What an evaluation says: a line a trial while it runs, and figures at the end."""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from teleop.session.progress import format_duration
from vega_eval.trials.folder import SessionFolder
from vega_eval.trials.record import TrialRecord


@dataclass
class Pace:
    """How far an evaluation has come: 12/200, 1,830 an hour, 6 min left.

    Attributes:
        wanted: Trials in all.
        valid: Those that are there, earlier runs among them.
        played: Attempts of this run.
    """

    wanted: int
    valid: int
    played: int = 0

    def __post_init__(self) -> None:
        self._began_s = time.monotonic()
        self._before = self.valid

    def log(self, session: SessionFolder, record: TrialRecord) -> None:
        """Prints how an attempt went."""
        self.played += 1
        self.valid += record.valid
        print(f"[{self}] {_format(session, record)}", file=sys.stderr, flush=True)

    @property
    def wall_s(self) -> float:
        """Since this run began."""
        return time.monotonic() - self._began_s

    @property
    def per_hour(self) -> float:
        """Valid trials an hour in this run; NaN before there is one."""
        news = self.valid - self._before
        return 3600.0 * news / self.wall_s if news else math.nan

    def __str__(self) -> str:
        text = f"{self.valid}/{self.wanted}"
        if math.isnan(self.per_hour):
            return text
        left_s = 3600.0 * (self.wanted - self.valid) / self.per_hour
        return f"{text}, {self.per_hour:,.0f} an hour, {format_duration(left_s)} left"


def _format(session: SessionFolder, record: TrialRecord) -> str:
    task_spec, verdict = session.session.task_spec, record.verdict
    which = f"{task_spec.task} ({task_spec.variant}), seed {record.seed}, {record.policy}"
    if record.figures is None:
        return f"{which}: {verdict.outcome.value}, to be played again: {verdict.reason}"
    after = f"{verdict.outcome.value} after {record.figures.duration_s:.1f} s"
    kind = f", type {verdict.failure_type.value}" if verdict.failure_type else ""
    return f"{which}: {after}{kind}"


def figures_of(session: SessionFolder) -> dict[str, Any]:
    """A session's outcomes by policy, for programs."""
    task_spec = session.session.task_spec
    return {
        "task": task_spec.task,
        "variant": task_spec.variant,
        "folder": str(session.folder),
        "policies": [_of_policy(session, letter) for letter in session.session.policies],
    }


def _of_policy(session: SessionFolder, letter: str) -> dict[str, Any]:
    records = session.status.of(letter)
    known = [record.figures for record in records if record.figures is not None]
    latencies = [f.inference_ms.p50 for f in known if f.inference_ms.p50 is not None]
    successes = sum(record.success for record in records)
    return {
        "letter": letter,
        "name": session.key.policies[letter].name,
        "checkpoint": session.key.policies[letter].checkpoint,
        "trials": len(records),
        "successes": successes,
        "success_rate": successes / len(records),
        "progress": statistics.mean(record.verdict.progress for record in records),
        "median_time_s": statistics.median(f.duration_s for f in known),
        "inference_ms": statistics.median(latencies) if latencies else None,
        "outcomes": [_outcome(record) for record in records],
    }


def _outcome(record: TrialRecord) -> dict[str, Any]:
    verdict, figures = record.verdict, record.figures
    return {
        "trial": record.trial,
        "seed": record.seed,
        "cell": record.cell,
        **verdict.model_dump(mode="json", include={"outcome", "progress", "milestones"}),
        "failure_type": verdict.failure_type and verdict.failure_type.value,
        "time_s": figures and figures.duration_s,
        "policy_steps": figures and figures.policy_steps,
    }


def result_lines(figures: Sequence[dict[str, Any]]) -> list[str]:
    """One line for each policy of each session."""
    return [
        f"RESULT {session['task']} ({session['variant']}), {policy['name']}: "
        f"{policy['successes']} of {policy['trials']} trials succeeded -> {session['folder']}"
        for session in figures
        for policy in session["policies"]
    ]

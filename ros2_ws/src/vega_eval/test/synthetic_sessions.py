"""Synthetic sessions with known outcomes, written the way that real ones are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from vega_eval.failure_types import COMMS, DROP, ESTOP, LOCALISATION, PLACEMENT, TIMEOUT, WORKSPACE
from vega_eval.trials.blinding import PolicyIdentity
from vega_eval.trials.folder import SessionFolder, SessionPlan
from vega_eval.trials.record import (
    Figures,
    Files,
    Percentiles,
    TrialOutcome,
    TrialStarted,
    TrialVerdict,
)
from vega_eval.trials.schedule import Placement
from vega_eval.trials.session_spec import TaskSpec

import hw_config

_FAILURES = {
    "1": LOCALISATION,
    "2": PLACEMENT,
    "3": WORKSPACE,
    "t": TIMEOUT,
    "d": DROP,
    "e": ESTOP,
    "c": COMMS,
    "f": None,
}


@dataclass
class SyntheticSession:
    """What is to be played.

    `outcomes` has a letter a placement, by policy: s success, p partial, 1 2 3 t d e c f a failure
    of that type, i an invalid attempt and then a success, and . where nothing was played.
    """

    outcomes: dict[str, str]
    task: str = "close_laptop"
    variant: str = "easy"
    robot: str = "twin"
    judge: str = "rules"
    seed: int = 0
    task_spec: dict[str, object] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)
    config_sha256: str = "c" * 64
    timing: tuple[tuple[str, int], ...] = (("replan", 8), ("delay", 3))
    operator: str = "Ada"
    closed: bool = True
    figures: dict[str, object] = field(default_factory=dict)
    note: str = ""
    video: Callable[[Path, bool, int], None] | None = None

    def write(self, folder: Path) -> Path:
        """Plays it into a folder."""
        opened = SessionFolder.open_or_resume(folder, self._plan())
        for trial in opened.session.schedule:
            name = opened.key.policies[trial.policy].name
            letter = self.outcomes[name][trial.placement]
            if letter == "i":
                started = opened.begin(trial)
                said = TrialVerdict(
                    outcome=TrialOutcome.INVALID, progress=0.0, reason="a cable came loose"
                )
                opened.add(opened.record(started, said))
            if letter != ".":
                started = opened.begin(trial)
                opened.add(self._record(opened, started, letter))
        if self.closed:
            opened.finish("all trials are played")
        opened.close()
        return folder

    def _plan(self) -> SessionPlan:
        task_spec = TaskSpec.of(hw_config.load_task(self.task), self.variant)
        trials = {len(letters) for letters in self.outcomes.values()}
        return SessionPlan(
            task_spec=task_spec.model_copy(update=self.task_spec),
            robot=self.robot,
            judge=self.judge,
            seed=self.seed,
            trials_each=trials.pop(),
            policies=tuple(self._policy(name) for name in self.outcomes),
            plan_placements=self._placements,
            operator=self.operator,
            lighting="lamps on",
            timing=self.timing,
            config_sha256=self.config_sha256,
            commit="0123456789abcdef",
        )

    def _policy(self, name: str) -> PolicyIdentity:
        sha256 = self.sha256.get(name, hashlib.sha256(name.encode()).hexdigest())
        return PolicyIdentity(
            name=name, checkpoint=f"/c/{name}", sha256=sha256, recipe=f"twin_{name}"
        )

    def _placements(self, count: int) -> list[Placement]:
        return [
            Placement(
                seed=self.seed + n,
                cell=(1 + n % 9 // 3, 1 + n % 3),
                description=f"cell {1 + n % 9 // 3}, {1 + n % 3}",
            )
            for n in range(count)
        ]

    def _record(self, opened: SessionFolder, started: TrialStarted, letter: str):
        success = letter in "si"
        trial = opened.session.schedule[started.trial - 1]
        verdict = TrialVerdict(
            outcome=TrialOutcome.SUCCESS if success else _failed(letter),
            progress=1.0 if success else 0.5 if letter == "p" else 0.0,
            milestones=self._milestones(opened, success, letter),
            failure_type=None if success else _FAILURES.get(letter),
            reason="done" if success else "time limit",
            note=self.note,
            judged_by="rules" if self.judge == "rules" else self.operator,
        )
        known: dict[str, object] = {"operator": self.operator, "config_sha256": self.config_sha256}
        if self.video:
            self.video(opened.attempt_folder(started) / "video.mp4", success, trial.placement)
            path = f"trials/{started.trial:03d}-{started.attempt}/video.mp4"
            known["files"] = Files(video=path)
        return opened.record(started, verdict, figures=self._figures(success), **known)

    def _milestones(self, opened: SessionFolder, success: bool, letter: str) -> dict[str, bool]:
        names = opened.session.task_spec.milestones
        reached = len(names) if success else 1 if letter in "p2td" else 0
        return {name: n < reached for n, name in enumerate(names)}

    def _figures(self, success: bool) -> Figures:
        measured = {
            "duration_s": 9.0 if success else 15.0,
            "policy_steps": 225 if success else 375,
            "inference_ms": Percentiles(p50=31.0, p95=38.0),
            "observation_age_ms": Percentiles(p50=22.0, p95=40.0),
            "chunks": 28,
            "clamped": 3,
            "camera_hz": {"head": 30.0},
            "dropped_frames": {"head": 1},
        }
        return Figures.model_validate({**measured, **self.figures})


def _failed(letter: str) -> TrialOutcome:
    return TrialOutcome.PARTIAL if letter == "p" else TrialOutcome.FAIL

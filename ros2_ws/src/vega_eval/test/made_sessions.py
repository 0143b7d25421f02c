"""Made-up sessions with known outcomes, written the way that real ones are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from vega_eval.failure_types import COMMS, DROP, ESTOP, LOCALISATION, PLACEMENT, TIMEOUT, WORKSPACE
from vega_eval.trials.card import TaskCard
from vega_eval.trials.folder import Plan, SessionFolder
from vega_eval.trials.identity import Policy
from vega_eval.trials.record import (
    Begun,
    Figures,
    Files,
    Outcome,
    Percentiles,
    Verdict,
)
from vega_eval.trials.schedule import Placement

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
class MadeSession:
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
    card: dict[str, object] = field(default_factory=dict)
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
        opened = SessionFolder.take_up(folder, self._plan())
        for trial in opened.session.schedule:
            name = opened.key.policies[trial.policy].name
            letter = self.outcomes[name][trial.placement]
            if letter == "i":
                begun = opened.begin(trial)
                said = Verdict(outcome=Outcome.INVALID, progress=0.0, reason="a cable came loose")
                opened.add(opened.record(begun, said))
            if letter != ".":
                begun = opened.begin(trial)
                opened.add(self._record(opened, begun, letter))
        if self.closed:
            opened.finish("all trials are played")
        opened.close()
        return folder

    def _plan(self) -> Plan:
        card = TaskCard.of(hw_config.load_task(self.task), self.variant)
        trials = {len(letters) for letters in self.outcomes.values()}
        return Plan(
            card=card.model_copy(update=self.card),
            robot=self.robot,
            judge=self.judge,
            seed=self.seed,
            trials_each=trials.pop(),
            policies=tuple(self._policy(name) for name in self.outcomes),
            lay=self._lay,
            operator=self.operator,
            lighting="lamps on",
            timing=self.timing,
            config_sha256=self.config_sha256,
            commit="0123456789abcdef",
        )

    def _policy(self, name: str) -> Policy:
        sha256 = self.sha256.get(name, hashlib.sha256(name.encode()).hexdigest())
        return Policy(name=name, checkpoint=f"/c/{name}", sha256=sha256, recipe=f"twin_{name}")

    def _lay(self, count: int) -> list[Placement]:
        return [
            Placement(
                seed=self.seed + n,
                cell=(1 + n % 9 // 3, 1 + n % 3),
                description=f"cell {1 + n % 9 // 3}, {1 + n % 3}",
            )
            for n in range(count)
        ]

    def _record(self, opened: SessionFolder, begun: Begun, letter: str):
        success = letter in "si"
        trial = opened.session.schedule[begun.trial - 1]
        verdict = Verdict(
            outcome=Outcome.SUCCESS if success else _failed(letter),
            progress=1.0 if success else 0.5 if letter == "p" else 0.0,
            milestones=self._milestones(opened, success, letter),
            failure_type=None if success else _FAILURES.get(letter),
            reason="done" if success else "time limit",
            note=self.note,
            judged_by="rules" if self.judge == "rules" else self.operator,
        )
        known: dict[str, object] = {"operator": self.operator, "config_sha256": self.config_sha256}
        if self.video:
            self.video(opened.attempt_folder(begun) / "video.mp4", success, trial.placement)
            path = f"trials/{begun.trial:03d}-{begun.attempt}/video.mp4"
            known["files"] = Files(video=path)
        return opened.record(begun, verdict, figures=self._figures(success), **known)

    def _milestones(self, opened: SessionFolder, success: bool, letter: str) -> dict[str, bool]:
        names = opened.session.card.milestones
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


def _failed(letter: str) -> Outcome:
    return Outcome.PARTIAL if letter == "p" else Outcome.FAIL

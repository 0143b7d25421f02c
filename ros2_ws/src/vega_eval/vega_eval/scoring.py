"""How a trial went where rules judge: its verdict, its failure type and its figures.

Rules of failure types are asked in the order in which a person would rule types out: what stopped
the trial from outside, then what broke it, then what it lacked.
"""

from __future__ import annotations

from collections.abc import Mapping

from vega_eval.episode.episode_state_machine import EpisodeOutcome
from vega_eval.episode.summary import (
    EpisodeRecord,
    camera_hz,
    dropped,
    increase,
    percentiles,
)
from vega_eval.failure_types import (
    COMMS,
    ESTOP,
    FAILURE_TYPES,
    Evidence,
    FailureType,
    Rules,
    Signals,
)
from vega_eval.trials.record import Figures, Percentiles, TrialOutcome, TrialVerdict

NEVER_ACTED = "the policy sent nothing that could be executed"
_RULES = Rules()


def failure_type(
    signals: Signals,
    *,
    estopped: bool = False,
    comms_lost: bool = False,
    blocked_by_workspace: int = 0,
    rules: Rules = _RULES,
) -> FailureType:
    """The type of a trial that ended without success; see `Evidence` for what is given."""
    evidence = Evidence(signals, estopped, comms_lost, blocked_by_workspace, rules)
    by_priority = sorted((kind for _, kind in FAILURE_TYPES.items()), key=lambda k: k.priority)
    return next(kind for kind in by_priority if kind.rule is not None and kind.rule(evidence))


def verdict_by_rules(
    outcome: EpisodeOutcome,
    reason: str,
    milestones: Mapping[str, bool],
    kind: FailureType | None,
    problem: str = "",
    estopped: bool = False,
) -> TrialVerdict:
    """The verdict of the twin.

    What is not the policy's doing (a camera that fell silent, an arm without power, time that stood
    still) makes a trial invalid, never a failure. An emergency stop is a failure: somebody, or the
    gate, had to end what the policy did.

    Args:
        outcome: How the episode ended.
        reason: Why, for people.
        milestones: Reached at any time.
        kind: Of failure, as the rules see it.
        problem: What was wrong with the robot; empty if nothing.
        estopped: Whether the emergency stop was pressed.
    """
    reached = dict(milestones)
    if outcome is EpisodeOutcome.SUCCESS and not estopped:
        return TrialVerdict.succeeded(reached)
    if estopped:
        return TrialVerdict.failed(reached, ESTOP, reason)
    if problem:
        return TrialVerdict(
            outcome=TrialOutcome.INVALID,
            progress=0.0,
            milestones=reached,
            failure_type=COMMS,
            reason=problem,
        )
    if outcome is EpisodeOutcome.FAILURE:
        return TrialVerdict.failed(reached, kind, reason)
    return TrialVerdict(
        outcome=TrialOutcome.INVALID, progress=0.0, milestones=reached, reason=reason
    )


def trial_figures(record: EpisodeRecord, duration_s: float, wall_s: float) -> Figures:
    """What was measured, as it is written."""
    counts = record.camera_counts.items()
    return Figures(
        duration_s=round(duration_s, 3),
        wall_s=round(wall_s, 3),
        policy_steps=len(record.step_times_s),
        moved_rad=round(record.moved_rad, 3),
        inference_ms=Percentiles.model_validate(percentiles(record.inference_ms)),
        observation_age_ms=Percentiles.model_validate(percentiles(record.observation_age_ms)),
        chunks=len(record.inference_ms),
        refused=increase(record.refused),
        clamped=increase(record.clamped),
        blocked=increase(record.blocked),
        holds=increase(record.holds),
        held_s=round(record.held_s, 3),
        estops=increase(record.estops),
        interventions=record.interventions,
        camera_hz={name: camera_hz(each) for name, each in counts},
        dropped_frames={name: dropped(each) for name, each in counts},
    )

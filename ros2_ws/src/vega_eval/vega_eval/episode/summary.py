"""Figures of an episode, from what was recorded while it ran, and `summary.json`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vega_eval.episode.episode_state_machine import EpisodeOutcome, EpisodeScene


@dataclass(frozen=True)
class CameraCount:
    """A camera's frames at the policy since it was activated, at a time (s)."""

    time_s: float
    received: int
    dropped: int


@dataclass
class EpisodeRecord:
    """What is noted during an episode. Times are ROS time in s; ages and durations are ms.

    Lists of counts are the gate's counters as they rose (`out_of_workspace`: chunks that it refused
    because they led there); `interventions` are hand-overs to a
    leader, `moved_rad` is the way of all arm joints together, `held_s` the time in which the gate
    held since the first policy step.
    """

    control_hz: float
    step_times_s: list[float] = field(default_factory=list)
    joint_times_s: dict[str, list[float]] = field(default_factory=dict)
    camera_counts: dict[str, list[CameraCount]] = field(default_factory=dict)
    observation_age_ms: list[float] = field(default_factory=list)
    inference_ms: list[float] = field(default_factory=list)
    clamped: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    blocked: list[int] = field(default_factory=list)
    out_of_workspace: list[int] = field(default_factory=list)
    holds: list[int] = field(default_factory=list)
    estops: list[int] = field(default_factory=list)
    milestones: dict[str, bool] = field(default_factory=dict)
    interventions: int = 0
    moved_rad: float = 0.0
    held_s: float = 0.0

    def note_gate(self, held: bool, since_s: float, now_s: float) -> None:
        """Adds the time between two states of the gate, if it held in between."""
        if held and self.step_times_s:
            self.held_s += max(0.0, now_s - max(since_s, self.step_times_s[0]))


@dataclass(frozen=True)
class EpisodeEnding:
    """How and when the episode ended.

    Attributes:
        scene: What was to be done where.
        outcome: How it ended.
        reason: Why, for people.
        sim_s: Its length in ROS time.
        wall_s: Its length in wall time.
        twin_speed: What the twin says of its speed, where it does not make ROS time.
    """

    scene: EpisodeScene
    outcome: EpisodeOutcome
    reason: str
    sim_s: float
    wall_s: float
    twin_speed: float | None = None


def summarise(
    ending: EpisodeEnding, record: EpisodeRecord, extra: Mapping[str, object]
) -> dict[str, Any]:
    """The contents of `summary.json`. A figure that nothing was measured for is null."""
    cameras = record.camera_counts.items()
    joint_rates = filter(None, map(rate_hz, record.joint_times_s.values()))
    return {
        "task": ending.scene.task,
        "variant": ending.scene.variant,
        "seed": ending.scene.seed,
        "success": _success(ending),
        "outcome": ending.outcome.value,
        "reason": ending.reason,
        "policy_steps": len(record.step_times_s),
        "sim_s": _rounded(ending.sim_s),
        "wall_s": _rounded(ending.wall_s),
        "real_time_factor": _rounded(real_time_factor(ending)),
        "camera_hz": {name: camera_hz(counts) for name, counts in cameras},
        "dropped_frames": {name: dropped(counts) for name, counts in cameras},
        "joint_state_hz": min(joint_rates, default=None),
        "command_hz": rate_hz(record.step_times_s),
        "command_jitter_ms": percentiles(jitter_ms(record.step_times_s, record.control_hz)),
        "observation_age_ms": percentiles(record.observation_age_ms),
        "inference_ms": percentiles(record.inference_ms),
        "chunks": len(record.inference_ms),
        "clamped": increase(record.clamped),
        "refused": increase(record.refused),
        "holds": increase(record.holds),
        "held_s": _rounded(record.held_s),
        "milestones": record.milestones,
        **extra,
    }


def real_time_factor(ending: EpisodeEnding) -> float | None:
    """Simulated seconds a second of wall time."""
    if ending.twin_speed is not None:
        return ending.twin_speed
    return ending.sim_s / ending.wall_s if ending.wall_s > 0 else None


def _success(ending: EpisodeEnding) -> bool | None:
    return (
        None
        if ending.outcome is EpisodeOutcome.UNJUDGED
        else ending.outcome is EpisodeOutcome.SUCCESS
    )


def jitter_ms(times_s: Sequence[float], rate_hz: float) -> list[float]:
    """How far each interval is from the nominal period, ms."""
    return (np.abs(np.diff(times_s) - 1.0 / rate_hz) * 1e3).tolist()


def result_line(ending: EpisodeEnding, policy_steps: int, folder: str) -> str:
    """The one line that an episode ends with."""
    scene = ending.scene
    when = f"after {ending.sim_s:.1f} s" if ending.sim_s > 0 else "before it started"
    reason = f" ({ending.reason})" if ending.reason else ""
    factor = real_time_factor(ending)
    speed = f", real-time factor {factor:.2f}" if factor is not None else ""
    which = f" ({scene.variant}, seed {scene.seed})" if scene.variant else ""
    return (
        f"RESULT {scene.task}{which}: "
        f"{ending.outcome.value} {when}{reason}, {policy_steps} policy steps{speed} -> {folder}"
    )


def write_json(path: Path, data: Mapping[str, object]) -> None:
    """Writes a JSON file so that it is there whole or not at all."""
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    os.replace(draft, path)


def rate_hz(times_s: Sequence[float]) -> float | None:
    """Mean rate of what happened at these times."""
    span = times_s[-1] - times_s[0] if len(times_s) > 1 else 0.0
    return _rounded((len(times_s) - 1) / span) if span > 0 else None


def camera_hz(counts: Sequence[CameraCount]) -> float | None:
    """Frames a second that reached the policy."""
    span = counts[-1].time_s - counts[0].time_s if counts else 0.0
    return _rounded((counts[-1].received - counts[0].received) / span) if span > 0 else None


def dropped(counts: Sequence[CameraCount]) -> int:
    """Frames that never came, between the first count and the last."""
    return counts[-1].dropped - counts[0].dropped if counts else 0


def increase(counter: Sequence[int]) -> int:
    """How much a counter has risen."""
    return counter[-1] - counter[0] if counter else 0


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """`p50` and `p95`; None of nothing."""
    if not values:
        return {"p50": None, "p95": None}
    p50, p95 = np.percentile(values, [50, 95])
    return {"p50": _rounded(float(p50)), "p95": _rounded(float(p95))}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)

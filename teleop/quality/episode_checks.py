"""Judges one episode by its figures."""

from __future__ import annotations

from collections.abc import Iterator

from teleop.quality.episode import EpisodeQuality
from teleop.quality.findings import SET_ASIDE, Finding, FindingDraft
from teleop.quality.image_checks import check_images
from teleop.quality.motion_checks import check_motion
from teleop.quality.stream_checks import check_streams
from teleop.quality.thresholds import THRESHOLDS, Thresholds


def check_episode(quality: EpisodeQuality, limits: Thresholds = THRESHOLDS) -> list[Finding]:
    """Everything that is wrong with an episode by itself, the worst first."""
    rows = [
        *_take(quality, limits),
        *check_streams(quality, limits),
        *check_motion(quality, limits),
        *check_images(quality, limits),
    ]
    rows.sort(key=lambda row: row.severity != "error")
    return [row.at(quality.info.index) for row in rows]


def _take(quality: EpisodeQuality, limits: Thresholds) -> Iterator[FindingDraft]:
    info, task = quality.info, quality.context.task
    if info.duration_s < limits.shortest_s:
        yield FindingDraft(
            "error",
            "length",
            f"lasts {info.duration_s:.2f} s (at least {limits.shortest_s:g} s)",
            SET_ASIDE,
        )
    if (
        task is not None
        and info.duration_s - quality.paused_s > limits.length_ratio * task.time_limit_s
    ):
        yield FindingDraft(
            "warning",
            "length",
            f"lasts {info.duration_s:.1f} s; a policy has {task.time_limit_s:g} s for {info.task}",
            "demonstrate it without stopping to think, or raise time_limit_s of the task",
        )
    if quality.paused_s:
        yield FindingDraft(
            "error",
            "paused",
            f"was paused for {quality.paused_s:.1f} s: its parts do not join, exports refuse it",
            f"{SET_ASIDE}; discard and redo a take rather than pausing it",
        )
    for problem in info.problems:
        yield FindingDraft(
            "warning",
            "bad take",
            f"called out when it was recorded: {problem}",
            "mend the cause; exports leave it out unless asked for (--include problems)",
        )
    if info.recovered is not None:
        yield FindingDraft(
            "warning",
            "recovered",
            f"{info.recovered.reason}; up to {info.recovered.lost_s:.1f} s of its end are lost",
            "look at it; exports leave it out unless asked for (--include recovered)",
        )

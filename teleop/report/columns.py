"""The figures of an episode that the page shows, and what is allowed of each."""

from __future__ import annotations

from collections.abc import Callable
from math import degrees
from typing import NamedTuple

from teleop.quality import THRESHOLDS, EpisodeQuality


class Column(NamedTuple):
    """One figure.

    Attributes:
        title: Head of its column.
        meaning: What it is.
        unit: Of its values as they are shown.
        of: Its value, or None where there is none.
        limit: What is allowed at most, if anything.
        plotted: Whether it is drawn over all episodes.
    """

    title: str
    meaning: str
    unit: str
    of: Callable[[EpisodeQuality], float | None]
    limit: Callable[[EpisodeQuality], float] | None = None
    plotted: bool = True


def _slowest_camera(quality: EpisodeQuality) -> float | None:
    return min((s.hz for s in quality.streams if s.kind == "camera"), default=None)


def _slowest_follower(quality: EpisodeQuality) -> float | None:
    return min((s.hz for s in quality.streams if s.kind == "follower"), default=None)


def _gap(quality: EpisodeQuality) -> float | None:
    return max((s.max_gap_s * 1e3 for s in quality.streams if s.kind == "camera"), default=None)


def _milliseconds(value: float | None) -> float | None:
    return None if value is None else value * 1e3


def _offset(quality: EpisodeQuality) -> float | None:
    return None if quality.offset_rad is None else degrees(quality.offset_rad)


COLUMNS = (
    Column("length s", "Length", "s", lambda q: q.info.duration_s),
    Column("camera Hz", "Slowest camera", "Hz", _slowest_camera, plotted=False),
    Column("arm Hz", "Slowest follower", "Hz", _slowest_follower, plotted=False),
    Column(
        "missing %",
        "Expected messages that are missing, worst stream",
        "%",
        lambda q: q.missing * 100.0,
        lambda q: q.context.hardware.recording.max_missing_images * 100.0,
    ),
    Column(
        "gap ms",
        "Longest time without an image",
        "ms",
        _gap,
        lambda q: q.context.hardware.recording.max_image_gap_s * 1e3,
    ),
    Column(
        "cameras ms",
        "Skew between cameras, p95",
        "ms",
        lambda q: _milliseconds(q.skews.cameras_s),
        lambda q: q.context.hardware.recording.max_camera_skew_s * 1e3,
    ),
    Column(
        "joints ms",
        "Skew from images to joint states, p95",
        "ms",
        lambda q: _milliseconds(q.skews.joints_s),
        lambda q: q.context.hardware.recording.max_joint_skew_s * 1e3,
    ),
    Column(
        "idle %",
        "Time in which no arm of the task moves",
        "%",
        lambda q: q.idle * 100.0,
        lambda _: THRESHOLDS.idle_share * 100.0,
    ),
    Column("jerk", "Jerk of the roughest arm, root mean square", "rad/s³", lambda q: q.jerk),
    Column(
        "SPARC",
        "Smoothness (spectral arc length; nearer to 0 is smoother)",
        "",
        lambda q: q.smoothness,
    ),
    Column(
        "lag ms",
        "Follower behind its leader",
        "ms",
        lambda q: q.lag_s * 1e3,
        lambda _: THRESHOLDS.lag_s * 1e3,
        plotted=False,
    ),
    Column(
        "drift °",
        "Follower away from its leader after the lag, worst joint",
        "°",
        _offset,
        lambda _: degrees(THRESHOLDS.offset_rad),
    ),
)

"""Everything that is measured of one episode."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hw_config import ConfigError
from teleop.dataset.episode import DatasetLayout, EpisodeInfo
from teleop.dataset.reader import Recorded, open_episode
from teleop.errors import EpisodeDamaged
from teleop.quality import signals
from teleop.quality.context import EpisodeContext, context_of
from teleop.quality.images import CameraQuality, camera_quality
from teleop.quality.motion import ArmQuality, EpisodeMotion, SeriesQuality, motion
from teleop.quality.streams import Skews, StreamQuality, pauses, skews, stream_qualities
from teleop.quality.thresholds import THRESHOLDS, Thresholds
from vega_core.stamps import NS

TRACK_HZ = 10

Track = NDArray[np.float32]


@dataclass(frozen=True)
class EpisodeQuality:
    """One sealed episode, measured.

    Attributes:
        info: What is said of it.
        layout: Its joints and cameras.
        context: The cell that it was recorded in.
        streams: Cameras, followers, leaders, commands.
        skews: Between them.
        series: Joints of followers, leaders and commands.
        arms: How each follower moved.
        cameras: Images of each camera that has any.
        idle: Share of the time in which no arm of the task moves.
        idle_start_s, idle_end_s: The same at the beginning and at the end (s).
        paused_s: How long nothing was to be recorded (s).
        crossed: Whether the leaders fit the other arm's follower better than their own.
        track: Followers' positions at 10 Hz, float32 [T, D] in the order of the layout's arms.
        leader_track: The leaders', or NaN, float32 [T, D].
        joints_digest: Of all follower states with their times from the first: what was done.
    """

    info: EpisodeInfo
    layout: DatasetLayout
    context: EpisodeContext
    streams: tuple[StreamQuality, ...]
    skews: Skews
    series: tuple[SeriesQuality, ...]
    arms: tuple[ArmQuality, ...]
    cameras: tuple[CameraQuality, ...]
    idle: float
    idle_start_s: float
    idle_end_s: float
    paused_s: float
    crossed: bool
    track: Track
    leader_track: Track
    joints_digest: str

    @property
    def jerk(self) -> float:
        """Of the roughest arm of the task (rad/s^3)."""
        return max((arm.jerk for arm in self.arms if arm.used), default=0.0)

    @property
    def smoothness(self) -> float:
        """Spectral arc length of the roughest arm of the task; nearer to 0 is smoother."""
        return min((arm.smoothness for arm in self.arms if arm.used), default=0.0)

    @property
    def lag_s(self) -> float:
        """Of the follower that is farthest behind its leader (s)."""
        return max((arm.following.lag_s for arm in self.arms if arm.following), default=0.0)

    @property
    def offset_rad(self) -> float | None:
        """Largest offset of joints 1-6 from their leader after the lag; None without leaders."""
        found = [abs(v) for arm in self.arms if arm.following for v in arm.following.offset[:-1]]
        return max(found, default=None)

    @property
    def missing(self) -> float:
        """Share of the expected images and joint states that is missing, of the worst stream."""
        return max((s.missing / s.expected for s in self.streams if s.expected), default=0.0)

    def figures(self) -> dict[str, Any]:
        """The figures for programs, JSON-ready."""
        info = self.info
        return {
            "index": info.index,
            "task": info.task,
            "outcome": info.outcome,
            "operator": info.operator,
            "duration_s": info.duration_s,
            "paused_s": round(self.paused_s, 3),
            "missing": round(self.missing, 5),
            "camera_skew_p95_s": self.skews.cameras_s,
            "joint_skew_p95_s": self.skews.joints_s,
            "idle": self.idle,
            "idle_start_s": self.idle_start_s,
            "idle_end_s": self.idle_end_s,
            "jerk_rad_s3": self.jerk,
            "smoothness": self.smoothness,
            "lag_s": self.lag_s,
            "offset_rad": None if self.offset_rad is None else round(self.offset_rad, 5),
            "streams": {
                s.name: {
                    "count": s.count,
                    "expected": s.expected,
                    "hz": s.hz,
                    "max_gap_s": s.max_gap_s,
                    "delay_s": s.delay_s,
                }
                for s in self.streams
            },
            "cameras": {
                c.camera: {
                    "size": list(c.size),
                    "brightness": c.brightness,
                    "black": c.black,
                    "over_exposed": c.white,
                    "empty": c.flat,
                    "frozen_s": c.frozen_s,
                    "undecodable": c.undecodable,
                }
                for c in self.cameras
            },
            "arms": {
                a.arm: {
                    "idle": a.idle,
                    "travel_rad": a.travel_rad,
                    "jerk_rad_s3": a.jerk,
                    "smoothness": a.smoothness,
                    "following": a.following._asdict() if a.following else None,
                }
                for a in self.arms
            },
        }


def measure(folder: Path, limits: Thresholds = THRESHOLDS) -> EpisodeQuality:
    """Reads a sealed episode, compares it with its digest, and measures it.

    Raises:
        EpisodeDamaged: It is not what was sealed, or cannot be read.
    """
    with open_episode(folder, verify=True) as recorded:
        return measure_recorded(recorded, limits)


def measure_recorded(recorded: Recorded, limits: Thresholds = THRESHOLDS) -> EpisodeQuality:
    """Measures an episode that is open.

    Raises:
        EpisodeDamaged: It cannot be read.
    """
    info, layout = recorded.info, recorded.layout
    try:
        context = context_of(recorded.hardware_files(), info.task)
    except ConfigError as error:
        raise EpisodeDamaged(f"{recorded.folder}: hw_config cannot be read: {error}") from None
    paused = pauses(recorded.events(), info.end_ns)
    moved = motion(recorded, context, limits)
    followers = {arm: recorded.joints(arm) for arm in recorded.arms}
    images = {camera: recorded.image_stamps(camera) for camera in recorded.cameras}
    return EpisodeQuality(
        info=info,
        layout=layout,
        context=context,
        streams=tuple(stream_qualities(recorded, context, paused)),
        skews=skews(images, {a: j.stamps_ns for a, j in followers.items() if j is not None}),
        series=moved.series,
        arms=moved.arms,
        cameras=tuple(camera_quality(recorded, c, moved, limits) for c in recorded.cameras),
        idle=moved.idle,
        idle_start_s=moved.idle_start_s,
        idle_end_s=moved.idle_end_s,
        paused_s=sum(end - begin for begin, end in paused) / NS,
        crossed=moved.crossed,
        track=_track(moved.follower, layout),
        leader_track=_track(moved.leader, layout, length=_length(moved)),
        joints_digest=_digest(recorded),
    )


def _length(moved: EpisodeMotion) -> int:
    return max((len(rows) for rows in moved.follower.values()), default=0)


def _track(series: Mapping[str, signals.Series], layout: DatasetLayout, length: int = 0) -> Track:
    length = max([length, *map(len, series.values())])
    nothing = {arm: np.full((length, len(names)), np.nan) for arm, names in layout.arms.items()}
    rows = [series.get(arm, nothing[arm])[:: signals.HZ // TRACK_HZ] for arm in layout.arms]
    return np.concatenate(rows, axis=1).astype(np.float32)


def _digest(recorded: Recorded) -> str:
    digest = hashlib.sha256()
    for arm in recorded.arms:
        joints = recorded.joints(arm)
        if joints is not None:
            digest.update((joints.stamps_ns - joints.stamps_ns[0]).tobytes())
            digest.update(joints.position.tobytes())
    return digest.hexdigest()

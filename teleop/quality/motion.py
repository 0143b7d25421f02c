"""What an episode's arms did: their joints one by one, how smoothly, and how they were led."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teleop.dataset.reader import Joints, Recorded
from teleop.quality import signals
from teleop.quality.context import EpisodeContext
from teleop.quality.signals import Following, Series
from teleop.quality.thresholds import Thresholds
from vega_core.stamps import NS


@dataclass(frozen=True)
class JointQuality:
    """One joint of one series.

    Attributes:
        name: Its name.
        lowest, highest: Of its finite positions (rad; gripper m).
        not_finite: Positions that are missing, NaN or infinite.
        outside: Share of the positions beyond its limits.
        jumps: Steps from one state to the next that no arm can make.
        jump: The largest of them.
        jump_at_s: When it came, from the beginning of the episode.
    """

    name: str
    lowest: float
    highest: float
    not_finite: int
    outside: float
    jumps: int
    jump: float
    jump_at_s: float


@dataclass(frozen=True)
class SeriesQuality:
    """Follower, leader or commands of an arm.

    Attributes:
        arm, kind: Whose; follower, leader or command.
        joints: Joints 1-6 and the gripper.
        swapped: Two joints that would be within their limits in each other's place.
    """

    arm: str
    kind: str
    joints: tuple[JointQuality, ...]
    swapped: tuple[str, str] | None

    @property
    def name(self) -> str:
        """As people call it."""
        return f"{self.arm} {self.kind}"


@dataclass(frozen=True)
class ArmQuality:
    """An arm's motion, from its follower.

    Attributes:
        arm: Its name.
        used: Whether the task uses it.
        idle: Share of the time in which it stands still.
        travel_rad: How far joints 1-6 moved in all.
        jerk: Root mean square of joints 1-6 (rad/s^3).
        smoothness: Spectral arc length; nearer to 0 is smoother.
        following: How it follows its leader, or its commands where no leader was recorded.
    """

    arm: str
    used: bool
    idle: float
    travel_rad: float
    jerk: float
    smoothness: float
    following: Following | None


@dataclass(frozen=True)
class EpisodeMotion:
    """All arms of an episode.

    Attributes:
        series: Follower, leader and commands of each arm.
        arms: How each follower moved.
        idle: Share of the time in which no arm of the task moves.
        idle_start_s, idle_end_s: The same at the beginning and at the end (s).
        crossed: Whether each leader fits the other arm's follower better.
        follower, leader: Positions at `signals.HZ`, by arm, from `start_ns` on.
        start_ns: When these begin.
    """

    series: tuple[SeriesQuality, ...]
    arms: tuple[ArmQuality, ...]
    idle: float
    idle_start_s: float
    idle_end_s: float
    crossed: bool
    follower: Mapping[str, Series]
    leader: Mapping[str, Series]
    start_ns: int

    def travelled(self, arms: Sequence[str], at_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        """How far these arms have moved in all at each of these times (rad)."""
        total = np.zeros(len(at_ns))
        for arm in arms:
            if arm in self.follower:
                path = signals.travelled(self.follower[arm])
                times = np.arange(len(path)) * (NS / signals.HZ)
                total += np.interp((at_ns - self.start_ns).astype(np.float64), times, path)
        return total


def motion(recorded: Recorded, context: EpisodeContext, limits: Thresholds) -> EpisodeMotion:
    """Measures the motion of an episode. Without any follower's states it is empty.

    Raises:
        EpisodeDamaged: Joints cannot be read.
    """
    start_ns = recorded.info.start_ns
    found: dict[tuple[str, str], Joints] = {}
    for arm in recorded.layout.arms:
        for kind in ("follower", "leader", "command"):
            joints = recorded.commands(arm) if kind == "command" else recorded.joints(arm, kind)
            if joints is not None and len(joints.stamps_ns) > 1:
                found[arm, kind] = joints
    series = tuple(
        _series(arm, kind, joints, context, limits, start_ns)
        for (arm, kind), joints in found.items()
    )
    spans = [joints.stamps_ns for (_, kind), joints in found.items() if kind != "command"]
    begin = max((int(stamps[0]) for stamps in spans), default=start_ns)
    end = max(min((int(stamps[-1]) for stamps in spans), default=begin), begin)

    def of(kind: str) -> dict[str, Series]:
        return {
            arm: signals.regular(joints, begin, end)
            for (arm, name), joints in found.items()
            if name == kind
        }

    follower, leader, command = of("follower"), of("leader"), of("command")
    used = set(context.task.arms if context.task is not None else follower)
    arms = tuple(
        _arm(arm, arm in used, rows, leader.get(arm, command.get(arm)), limits)
        for arm, rows in follower.items()
    )
    idle, at_start, at_end = _idle([rows for arm, rows in follower.items() if arm in used])
    crossed = _crossed(leader, follower, limits)
    return EpisodeMotion(series, arms, idle, at_start, at_end, crossed, follower, leader, begin)


def _series(
    arm: str, kind: str, joints: Joints, context: EpisodeContext, limits: Thresholds, start_ns: int
) -> SeriesQuality:
    position = joints.position
    lower, upper, velocity, slack, leap = _bounds(arm, context, limits, position.shape[1])
    finite = np.isfinite(position)
    with np.errstate(invalid="ignore"):
        outside = ((position < lower - slack) | (position > upper + slack)) & finite
        steps = np.abs(np.diff(position, axis=0))
        seconds = np.diff(joints.stamps_ns)[:, None] / NS
        too_far = steps > leap + 2.0 * velocity * np.maximum(seconds, 0.0)
    rows = []
    for number, name in enumerate(joints.names):
        values = position[finite[:, number], number]
        jumps = np.flatnonzero(too_far[:, number])
        largest = int(jumps[np.argmax(steps[jumps, number])]) if len(jumps) else -1
        rows.append(
            JointQuality(
                name=name,
                lowest=float(values.min()) if len(values) else float("nan"),
                highest=float(values.max()) if len(values) else float("nan"),
                not_finite=int(np.count_nonzero(~finite[:, number])),
                outside=float(outside[:, number].mean()),
                jumps=len(jumps),
                jump=float(steps[largest, number]) if largest >= 0 else 0.0,
                jump_at_s=(
                    round(float(joints.stamps_ns[largest + 1] - start_ns) / NS, 3)
                    if largest >= 0
                    else 0.0
                ),
            )
        )
    return SeriesQuality(arm, kind, tuple(rows), _swapped(rows, lower - slack, upper + slack))


def _bounds(
    arm: str, context: EpisodeContext, limits: Thresholds, joints: int
) -> tuple[Series, Series, Series, Series, Series]:
    """Lower and upper limit, speed, slack and jump of each joint of an arm."""
    known = context.hardware.limits
    first = list(context.hardware.arms).index(arm) * joints if arm in context.hardware.arms else 0
    mine = slice(first, first + joints)
    slack, leap = np.full(joints, limits.slack_rad), np.full(joints, limits.jump_rad)
    slack[-1], leap[-1] = limits.slack_m, limits.jump_m
    lower, upper, velocity = (
        np.asarray(values[mine]) for values in (known.lower, known.upper, known.velocity)
    )
    return lower, upper, velocity, slack, leap


def _swapped(rows: Sequence[JointQuality], lower: Series, upper: Series) -> tuple[str, str] | None:
    """The two of joints 1-6, both beyond their limits, that are within each other's."""
    arm = range(len(rows) - 1)
    outside = [number for number in arm if rows[number].outside]
    if len(outside) != 2:
        return None
    one, other = outside
    for joint, place in ((one, other), (other, one)):
        if rows[joint].lowest < lower[place] or rows[joint].highest > upper[place]:
            return None
    return rows[one].name, rows[other].name


def _arm(
    arm: str, used: bool, rows: Series, leader: Series | None, limits: Thresholds
) -> ArmQuality:
    return ArmQuality(
        arm=arm,
        used=used,
        idle=round(float(signals.still(rows).mean()), 4),
        travel_rad=round(float(signals.travelled(rows)[-1]), 4),
        jerk=round(signals.jerk(rows), 3),
        smoothness=round(signals.spectral_arc_length(rows), 3),
        following=None if leader is None else signals.following(leader, rows, limits.moving_rad),
    )


def _idle(arms: Sequence[Series]) -> tuple[float, float, float]:
    """Share of the time without motion, and how long there is none at either end (s)."""
    if not arms:
        return 1.0, 0.0, 0.0
    still = np.logical_and.reduce([signals.still(rows) for rows in arms])
    moves = np.flatnonzero(~still)
    if not len(moves):
        return 1.0, len(still) / signals.HZ, len(still) / signals.HZ
    before, after = int(moves[0]), len(still) - 1 - int(moves[-1])
    return round(float(still.mean()), 4), before / signals.HZ, after / signals.HZ


def _crossed(
    leader: Mapping[str, Series], follower: Mapping[str, Series], limits: Thresholds
) -> bool:
    if len(follower) != 2 or set(leader) != set(follower):
        return False
    one, other = follower
    own = _distance(leader[one], follower[one]) + _distance(leader[other], follower[other])
    cross = _distance(leader[one], follower[other]) + _distance(leader[other], follower[one])
    return own > 2 * limits.bad_offset_rad and cross * limits.swap_ratio < own


def _distance(one: Series, other: Series) -> float:
    return float(np.sqrt(np.square(one - other)[:, :-1].mean(axis=0)).sum())

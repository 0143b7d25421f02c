"""How an emulated arm moves: the interface, and a simple model behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

JOINTS = 6
_HIGH_FOLLOW_ACCELERATION = 40.0
_DAMPED_SPEED = 0.25
_DAMPED_ACCELERATION = 3.0
_GRAVITY_ACCELERATION = 12.0
_GRIPPER_SPEED = 0.25
# What gravity pulls on: shoulder and elbow fold together, the wrist hangs.
_FALLS_TO = {1: 0.0, 2: 0.0, 4: 0.35}


@dataclass
class Drive:
    """What the arm's controller asks of its motors during one step.

    Attributes:
        targets: Joints 1-6, rad.
        powered: A motor without power falls.
        damped: Sink slowly instead of following the targets (emergency stop).
        max_speed: rad/s a joint.
        max_acceleration: rad/s^2 a joint.
        high_follow: Follow targets at once, without the planner's acceleration limit.
        gripper: Opening asked for, m; None leaves it where it is.
    """

    targets: list[float]
    powered: list[bool]
    max_speed: list[float]
    max_acceleration: list[float]
    damped: bool = False
    high_follow: bool = False
    gripper: float | None = None


@dataclass
class Measured:
    """What the arm's sensors say: rad, rad/s, N m; gripper m, N m."""

    q: list[float]
    dq: list[float]
    effort: list[float]
    gripper: float = 0.0
    gripper_effort: float = 0.0


class ArmPhysics(Protocol):
    """What moves an emulated follower. `measured` is read after each step."""

    measured: Measured

    def step(self, dt: float, drive: Drive) -> None:
        """Moves on by `dt` seconds."""


class SimpleArm:
    """Joints with a speed and an acceleration limit that fall without power. No contacts.

    Args:
        q: Where it is, rad.
        gripper: Opening, m.
        on_stand: Whether a stand holds it in this posture, so that it falls no further than to it.
    """

    def __init__(
        self,
        q: Sequence[float] = (0.0,) * JOINTS,
        gripper: float = 0.0,
        on_stand: bool = False,
    ) -> None:
        self.measured = Measured(list(q), [0.0] * JOINTS, [0.0] * JOINTS, gripper)
        self.falls_to = {joint: q[joint] for joint in _FALLS_TO} if on_stand else _FALLS_TO
        # What is between the jaws: they close no further, m.
        self.held = 0.0

    def step(self, dt: float, drive: Drive) -> None:
        """Moves on by `dt` seconds."""
        measured = self.measured
        for joint in range(JOINTS):
            q, dq = measured.q[joint], measured.dq[joint]
            if drive.damped or not drive.powered[joint]:
                damped = drive.damped and drive.powered[joint]
                q, dq = _fall(self.falls_to.get(joint), q, dq, dt, damped)
                effort = 0.0
            else:
                limit = drive.max_acceleration[joint]
                if drive.high_follow:
                    limit = _HIGH_FOLLOW_ACCELERATION
                before = dq
                q, dq = approach(q, dq, drive.targets[joint], dt, drive.max_speed[joint], limit)
                effort = 0.05 * (dq - before) / dt
                if joint in (1, 2):
                    effort += 4.0 * math.cos(q)
            measured.q[joint], measured.dq[joint], measured.effort[joint] = q, dq, effort
        if drive.gripper is not None:
            step = max(drive.gripper, self.held) - measured.gripper
            limit = _GRIPPER_SPEED * dt
            measured.gripper += min(max(step, -limit), limit)
            measured.gripper_effort = 0.0 if abs(step) <= limit else math.copysign(0.3, step)
            if drive.gripper < self.held and abs(step) <= limit:
                measured.gripper_effort = -1.0


def approach(
    q: float, dq: float, target: float, dt: float, max_speed: float, max_acceleration: float
) -> tuple[float, float]:
    """One step of a joint towards a target, within its limits, ending there at rest."""
    left = target - q
    # The speed from which it can still stop in the steps that remain.
    wanted = math.sqrt(2.0 * max_acceleration * abs(left)) - 0.5 * max_acceleration * dt
    wanted = math.copysign(min(max(wanted, 0.0), max_speed, abs(left) / dt), left)
    change = max_acceleration * dt
    dq += min(max(wanted - dq, -change), change)
    if abs(left) <= abs(dq) * dt and abs(dq) <= change:
        return target, 0.0
    return q + dq * dt, dq


def _fall(rest: float | None, q: float, dq: float, dt: float, damped: bool) -> tuple[float, float]:
    if rest is None:
        return q, 0.0
    direction = math.copysign(1.0, rest - q)
    limit = _DAMPED_ACCELERATION if damped else _GRAVITY_ACCELERATION
    dq += direction * limit * dt
    if damped:
        dq = min(max(dq, -_DAMPED_SPEED), _DAMPED_SPEED)
    if abs(rest - q) <= abs(dq) * dt or (direction * dq < 0.0 and abs(rest - q) < 1e-3):
        return rest, 0.0
    return q + dq * dt, dq

"""Leader arms moved from a keyboard: the tool goes where keys say, by inverse kinematics."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from vega_description.transforms import Array, pose_from, rotation_about

from vega_sim.arm_script import ACCELERATION, GRIPPER_SPEED, JOINT_SPEED
from vega_sim.twin import Twin

LINEAR_SPEED, ANGULAR_SPEED = 0.25, 1.0
"""The fastest that a tool goes, m/s and rad/s, whatever is asked for."""
_ANGULAR_ACCELERATION = 4.0
_VALID_S = 0.2
# Where the arm cannot reach it stops; where it cannot be as fast, it is not waited for.
_ASTRAY_M, _ASTRAY_RAD, _BEHIND_M = 0.002, 0.02, 0.02


class JogHand:
    """Moves both leaders as it was told last; without a word for 0.2 s they stand still.

    Args:
        twin: the scene whose arms' kinematics are used.
        positions: where the leaders are, [14].
    """

    def __init__(self, twin: Twin, positions: Array) -> None:
        period_s = 1.0 / twin.hw.rates.control_hz
        self._arms: Mapping[str, _Jogged] = {
            str(side): _Jogged(twin, str(side), positions[twin.world.arm_slice(side)], period_s)
            for side in twin.hw.arms
        }

    def ask(self, arm: str, wish: Array) -> None:
        """Takes the tool's velocity in footprint (m/s, then rad/s) and that of the jaws, [7]."""
        self._arms[arm].ask(wish)

    def act(self, twin: Twin) -> Array:
        """Where the leaders are to be in a control period, [14]."""
        return np.concatenate([arm.act() for arm in self._arms.values()])


class _Jogged:
    """One arm."""

    def __init__(self, twin: Twin, side: str, positions: Array, period_s: float) -> None:
        self._kinematics = twin.world.arms[side]
        place = twin.world.arm_slice(side)
        self._stroke = np.array([twin.hw.limits.lower[place][6], twin.hw.limits.upper[place][6]])
        self._dt = period_s
        self._joints, self._opening = positions[:6].copy(), float(positions[6])
        self._wanted = self._kinematics.tool(self._joints)
        self._velocity, self._wish = np.zeros(6), np.zeros(7)
        self._periods_left = 0

    def ask(self, wish: Array) -> None:
        self._wish = wish
        self._periods_left = round(_VALID_S / self._dt)

    def act(self) -> Array:
        wish = self._wish if self._periods_left > 0 else np.zeros(7)
        self._periods_left = max(0, self._periods_left - 1)
        self._accelerate(wish)
        if self._velocity.any():
            self._move_tool()
        step = float(np.clip(wish[6], -GRIPPER_SPEED, GRIPPER_SPEED)) * self._dt
        self._opening = float(np.clip(self._opening + step, *self._stroke))
        return np.append(self._joints, self._opening)

    def _accelerate(self, wish: Array) -> None:
        limits = (LINEAR_SPEED, ACCELERATION), (ANGULAR_SPEED, _ANGULAR_ACCELERATION)
        for part, (speed, acceleration) in zip((slice(0, 3), slice(3, 6)), limits):
            change = _shortened(wish[part], speed) - self._velocity[part]
            self._velocity[part] += _shortened(change, acceleration * self._dt)

    def _move_tool(self) -> None:
        step = self._velocity * self._dt
        wanted = pose_from(
            rotation_about(step[3:]) @ self._wanted[:3, :3], self._wanted[:3, 3] + step[:3]
        )
        solved = self._kinematics.inverse(wanted, self._joints, iterations=12)
        if solved.position_error > _ASTRAY_M:
            self._velocity, self._wanted = np.zeros(6), self._kinematics.tool(self._joints)
            return
        change = solved.joints - self._joints
        fastest = float(np.abs(change).max())
        self._joints = self._joints + change * min(1.0, JOINT_SPEED * self._dt / max(fastest, 1e-9))
        reached = self._kinematics.tool(self._joints)
        behind = float(np.linalg.norm(reached[:3, 3] - wanted[:3, 3]))
        # At a limit of the wrist the tool bends, and stays bent.
        bent = solved.rotation_error > _ASTRAY_RAD
        rotation = self._kinematics.tool(solved.joints)[:3, :3] if bent else wanted[:3, :3]
        self._wanted = pose_from(rotation, reached[:3, 3] if behind > _BEHIND_M else wanted[:3, 3])


def _shortened(vector: Array, longest: float) -> Array:
    size = float(np.linalg.norm(vector))
    return vector if size <= longest else vector * (longest / size)

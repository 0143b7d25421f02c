"""Forward and inverse kinematics of the Piper arm in plain numpy.

Frames: the arm's base (z up, x forward at zero) unless a base pose is given. The flange frame sits
at link6's origin with x along the approach direction, y left, z up; the tool frame is parallel to
it and lies between the finger tips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vega_description import piper
from vega_description.transforms import Array, pose, pose_from, rotation_vector

_FLANGE = pose_from(np.array(piper.FLANGE_IN_LINK6), np.zeros(3))


@dataclass(frozen=True)
class IkResult:
    """Solution of an inverse-kinematics problem.

    Attributes:
        joints: [6] rad, inside the limits even when the target is out of reach.
        position_error: distance between the reached and the wanted tool position, m.
        rotation_error: angle between the reached and the wanted tool orientation, rad.
    """

    joints: Array
    position_error: float
    rotation_error: float


class ArmKinematics:
    """Kinematics of one arm whose base stands at `base`."""

    def __init__(
        self,
        base: Array | None = None,
        lower: Array | None = None,
        upper: Array | None = None,
    ) -> None:
        """Takes the base pose [4,4] in the frame of the results and joint limits [6] in rad."""
        self.base = np.eye(4) if base is None else np.asarray(base, dtype=float)
        self.lower = np.array([j.lower for j in piper.JOINTS]) if lower is None else lower[:6]
        self.upper = np.array([j.upper for j in piper.JOINTS]) if upper is None else upper[:6]
        self._offsets = [pose(j.xyz, j.rpy) for j in piper.JOINTS]
        self._signs = np.array([j.sign for j in piper.JOINTS])

    def links(self, joints: Array) -> Array:
        """Poses [6,4,4] of link1..link6 for joint angles [6] (further entries are ignored)."""
        angles = self._signs * np.asarray(joints, dtype=float)[:6]
        cosines, sines = np.cos(angles), np.sin(angles)
        poses = np.empty((6, 4, 4))
        current = self.base
        for i, offset in enumerate(self._offsets):
            current = current @ offset
            x, y = current[:, 0].copy(), current[:, 1].copy()
            current[:, 0] = cosines[i] * x + sines[i] * y
            current[:, 1] = cosines[i] * y - sines[i] * x
            poses[i] = current
        return poses

    def flange(self, joints: Array) -> Array:
        """Pose [4,4] of the flange frame."""
        return self.links(joints)[5] @ _FLANGE

    def tool(self, joints: Array) -> Array:
        """Pose [4,4] of the tool frame, between the finger tips."""
        return self._tool(self.links(joints))

    def jacobian(self, joints: Array) -> Array:
        """Jacobian [6,6] of the tool: linear velocity rows (m), then angular rows (rad)."""
        links = self.links(joints)
        return self._jacobian(links, self._tool(links)[:3, 3])

    def inverse(
        self,
        target: Array,
        start: Array,
        *,
        rotation_weight: float = 0.2,
        damping: float = 0.02,
        iterations: int = 30,
        tolerance: float = 1e-4,
    ) -> IkResult:
        """Damped least squares from `start` to a tool pose.

        Position has priority: `rotation_weight` (m per rad) says how many metres of position error
        one radian of orientation error is worth, so a wrist limit bends the orientation first.

        Args:
            target: tool pose [4,4].
            start: joint angles [6] where the search starts; the solution stays near it.
            rotation_weight: weight of the orientation in m/rad.
            damping: damping of the least-squares step.
            iterations: steps at most.
            tolerance: weighted error in m at which the search ends.

        Returns:
            The best joints found; check the errors to see whether the target was reached.
        """
        q = np.clip(np.asarray(start, dtype=float)[:6], self.lower, self.upper)
        best, best_cost, best_error = q, np.inf, np.zeros(6)
        weights = np.array([1.0, 1.0, 1.0, *[rotation_weight] * 3])
        regular = damping**2 * np.eye(6)
        for _ in range(iterations + 1):
            links = self.links(q)
            tool = self._tool(links)
            error = np.concatenate(
                [
                    target[:3, 3] - tool[:3, 3],
                    rotation_vector(target[:3, :3] @ tool[:3, :3].T),
                ]
            )
            cost = float(np.linalg.norm(weights * error))
            if cost < best_cost:
                best, best_cost, best_error = q, cost, error
            if cost < tolerance:
                break
            weighted = weights[:, None] * self._jacobian(links, tool[:3, 3])
            step = weighted.T @ np.linalg.solve(weighted @ weighted.T + regular, weights * error)
            q = np.clip(q + np.clip(step, -0.3, 0.3), self.lower, self.upper)
        return IkResult(
            best, float(np.linalg.norm(best_error[:3])), float(np.linalg.norm(best_error[3:]))
        )

    def _tool(self, links: Array) -> Array:
        tool = links[5] @ _FLANGE
        tool[:3, 3] += piper.TOOL_OFFSET_M * tool[:3, 0]
        return tool

    def _jacobian(self, links: Array, point: Array) -> Array:
        axes = self._signs[:, None] * links[:, :3, 2]
        return np.vstack([np.cross(axes, point - links[:, :3, 3]).T, axes.T])

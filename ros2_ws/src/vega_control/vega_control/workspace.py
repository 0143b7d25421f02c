"""Whether postures of both arms are inside the workspace, and by how much."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import hw_config
from vega_control.bodies import MOVING, PARTS, RADII, Bodies, between_segments

Array = NDArray[np.float64]

# Capsules are cut in three for the test against boxes.
_CUTS = np.linspace(0.0, 1.0, 4)
_DIRECTIONS = (("behind", "in front of"), ("right of", "left of"), ("below", "above"))
_FLOOR = 2
_MM = 1000.0


class Workspace:
    """Box, floor, forbidden boxes and the distance between the arms, by forward kinematics.

    Positions of both arms are [14], in the order of `HardwareConfig.joint_names`.
    """

    def __init__(self, hardware: hw_config.HardwareConfig, floor_drop_m: float = 0.0) -> None:
        """Takes the cell; its floor may be `floor_drop_m` lower than configured."""
        space = hardware.workspace
        self._bodies = Bodies(hardware)
        self._arms = list(hardware.arms)
        self._lower = np.array(space.lower)
        self._lower[2] -= floor_drop_m
        self._upper = np.array(space.upper)
        self._boxes = [
            (name, np.array(b.lower), np.array(b.upper)) for name, b in space.forbidden.items()
        ]
        self._apart = space.min_arm_distance_m
        count = len(RADII)
        self._first, self._second = (i.ravel() for i in np.indices((count, count)))
        self._pair_radii = RADII[self._first] + RADII[self._second] + self._apart

    def clearance(self, postures: Array) -> Array:
        """How far [N] postures [N, 14] are from the nearest boundary, m; negative is inside it.

        Where they are outside it, the distance is a lower bound.
        """
        p, q = self._bodies.capsules(postures)
        alone = self._from_walls(p, q).min(axis=(1, 2, 3))
        for _, lower, upper in self._boxes:
            alone = np.minimum(alone, _from_box(p, q, lower, upper).min(axis=(1, 2)))
        return self._from_each_other(p, q, alone)

    def offence(self, rows: Array) -> tuple[int, str] | None:
        """The first of rows [K, 14] that is outside or comes from the one before through outside.

        Returns:
            Its index and what is wrong, in words for people; None when the path is clear.
        """
        middles = (rows[:-1] + rows[1:]) / 2.0
        path = np.empty((2 * len(rows) - 1, rows.shape[1]))
        path[0::2], path[1::2] = rows, middles
        outside = np.flatnonzero(self.clearance(path) < 0.0)
        if not len(outside):
            return None
        first = int(outside[0])
        return (first + 1) // 2, self.explain(path[first]) or "too near to be told apart"

    def explain(self, posture: Array) -> str:
        """What is wrong with a posture [14], in words for people; empty when nothing is."""
        p, q = self._bodies.capsules(posture[None])
        findings = [*self._outside(p, q), *self._in_boxes(p, q), *self._too_near(p, q)]
        return min(findings)[1] if findings else ""

    def _from_walls(self, p: Array, q: Array) -> Array:
        """Distances [N, 2, C, 6] of the moving capsules from the walls: 3 lower, 3 upper."""
        p, q = p[:, :, MOVING], q[:, :, MOVING]
        inside = [np.minimum(p, q) - self._lower, self._upper - np.maximum(p, q)]
        return np.concatenate(inside, axis=-1) - RADII[MOVING, None]

    def _from_each_other(self, p: Array, q: Array, clearance: Array) -> Array:
        # Bounds first: most pairs are so far apart that their exact distance does not matter.
        middle, half = (p + q) / 2.0, np.linalg.norm(p - q, axis=-1) / 2.0
        i, j = self._first, self._second
        apart = np.linalg.norm(middle[:, 0, i] - middle[:, 1, j], axis=-1)
        bounds = apart - half[:, 0, i] - half[:, 1, j] - self._pair_radii
        row, pair = np.nonzero(bounds < clearance[:, None])
        if not len(row):
            return clearance
        left, right = i[pair], j[pair]
        exact = between_segments(
            p[row, 0, left], q[row, 0, left], p[row, 1, right], q[row, 1, right]
        )
        clearance = clearance.copy()
        np.minimum.at(clearance, row, exact - self._pair_radii[pair])
        return clearance

    def _outside(self, p: Array, q: Array) -> list[tuple[float, str]]:
        found = []
        depths = self._from_walls(p, q)[0]
        for arm, part, wall in np.argwhere(depths < 0.0).tolist():
            depth = float(depths[arm, part, wall])
            side, axis = divmod(wall, 3)
            edge = (self._lower, self._upper)[side][axis]
            what = "the floor" if wall == _FLOOR else f"the workspace ({'xyz'[axis]} {edge:g} m)"
            where = f"{-depth * _MM:.0f} mm {_DIRECTIONS[axis][side]} {what}"
            found.append((depth, f"the {self._arms[arm]} {PARTS[1 + part]} is {where}"))
        return found

    def _in_boxes(self, p: Array, q: Array) -> list[tuple[float, str]]:
        found = []
        for name, lower, upper in self._boxes:
            depths = _from_box(p, q, lower, upper)[0]
            for arm, part in np.argwhere(depths < 0.0):
                text = f"the {self._arms[arm]} {PARTS[1 + part]} touches the {name}"
                found.append((float(depths[arm, part]), text))
        return found

    def _too_near(self, p: Array, q: Array) -> list[tuple[float, str]]:
        i, j = self._first, self._second
        apart = between_segments(p[0, 0, i], q[0, 0, i], p[0, 1, j], q[0, 1, j])
        free = apart - self._pair_radii
        found = []
        for k in np.flatnonzero(free < 0.0):
            gap = max(0.0, float(free[k] + self._apart))
            text = (
                f"the {self._arms[0]} {PARTS[i[k]]} is {gap * _MM:.0f} mm from the "
                f"{self._arms[1]} {PARTS[j[k]]} (at least {self._apart * _MM:.0f} mm)"
            )
            found.append((float(free[k]), text))
        return found


def _from_box(p: Array, q: Array, lower: Array, upper: Array) -> Array:
    """Distances [N, 2, C] of the moving capsules from a box, at least; 0 - radius inside it."""
    p, q = p[:, :, MOVING], q[:, :, MOVING]
    cuts = p[..., None, :] + _CUTS[:, None] * (q - p)[..., None, :]
    low = np.minimum(cuts[..., :-1, :], cuts[..., 1:, :])
    high = np.maximum(cuts[..., :-1, :], cuts[..., 1:, :])
    gap = np.maximum(np.maximum(lower - high, low - upper), 0.0)
    return np.sqrt((gap * gap).sum(axis=-1).min(axis=-1)) - RADII[MOVING]

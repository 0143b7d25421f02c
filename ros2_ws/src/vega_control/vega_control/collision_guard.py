"""Collision guard: keeps the next step, and the stop after it, inside the workspace."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vega_control.bodies import LEVERS
from vega_control.stop import MotionState, StopPlan
from vega_control.workspace import Workspace

Array = NDArray[np.float64]

# A stop is sampled often enough that the arms move less than this (m) between two samples.
_SAMPLE_M = 0.004
_MOST_SAMPLES = 40
_NOT_DEEPER_M = 1e-6


class CollisionGuard:
    """Says whether a step may be taken: from the state after it, the arms must be able to stop.

    Forward kinematics is evaluated only where it has to be: as long as the joints cannot have
    moved the arms as far as the last known clearance, nothing can have been reached.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._levers = np.tile(LEVERS, 2)
        self.reset()

    def reset(self) -> None:
        """Drops what is known: the arms have been moved by something else."""
        self._posture: Array | None = None
        self._clearance = 0.0
        self._refused: Array | None = None

    def offence(self) -> str:
        """What was in the way when a step was last refused, in words for people."""
        text = "" if self._refused is None else self._workspace.explain(self._refused)
        return text or "the arms could not be stopped inside the workspace from there"

    def permits(self, present: MotionState, state: MotionState, stop: StopPlan) -> bool:
        """Whether the way from `present` to `state` and its `stop` [14] keeps to the workspace.

        Arms that are outside it already may only move so that they are not further outside.
        """
        if self._posture is None:
            self._measure(present.position)
        assert self._posture is not None
        lowest = np.minimum(stop.lowest, present.position)
        highest = np.maximum(stop.highest, present.position)
        furthest = np.maximum(highest - self._posture, self._posture - lowest)
        if self._levers @ furthest < self._clearance:
            return True
        return self._permits_by_sampling(present, state, stop)

    def _permits_by_sampling(
        self, present: MotionState, state: MotionState, stop: StopPlan
    ) -> bool:
        duration_s = float(stop.duration_s.max())
        speed = float(self._levers @ stop.top_speed)
        samples = 2 + min(int(speed * duration_s / (2.0 * _SAMPLE_M)), _MOST_SAMPLES)
        times = np.linspace(0.0, duration_s, samples)[:, None]
        way = np.vstack([present.position, stop.at(times).position])
        clearances = self._workspace.clearance(way)
        here, ahead = float(clearances[0]), clearances[1:]
        between = speed * duration_s / (2.0 * (samples - 1))
        least = here - _NOT_DEEPER_M if here < 0.0 else between
        if not (ahead >= least).all():
            self._refused = way[1 + int(np.argmin(ahead))]
            return False
        if here < 0.0:
            return True
        self._posture, self._clearance = state.position, float(ahead[0])
        return True

    def _measure(self, posture: Array) -> None:
        self._posture = posture
        self._clearance = float(self._workspace.clearance(posture[None])[0])

"""Coming to rest from any state as fast as acceleration and jerk limits allow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class MotionState(NamedTuple):
    """Where joints are and how they move; arrays of one shape, rad or m and s."""

    position: Array
    velocity: Array
    acceleration: Array


def moved(state: MotionState, jerk: Array, time_s: Array | float) -> MotionState:
    """The state after `time_s` at a constant jerk."""
    p, v, a = state
    t = time_s
    return MotionState(
        p + t * (v + t * (a / 2.0 + t * jerk / 6.0)), v + t * (a + t * jerk / 2.0), a + t * jerk
    )


class StopPlan:
    """The quickest way to rest of every joint, each on its own: jerk, acceleration, jerk.

    From whichever state on the way it is planned again, the rest of the way is the same, so that a
    plan that keeps within limits can be followed to its end.

    Attributes:
        duration_s: Time until each joint rests.
        lowest: Least position on the way.
        highest: Greatest position on the way.
        top_speed: Greatest absolute velocity on the way.
    """

    def __init__(self, start: MotionState, acceleration: Array, jerk: Array) -> None:
        """Takes the state and limits that broadcast to its shape."""
        p, v, a = start
        # The velocity that is left once the acceleration has been taken back.
        remaining = v + a * np.abs(a) / (2.0 * jerk)
        direction = np.where(remaining > 0.0, -1.0, np.where(remaining < 0.0, 1.0, -np.sign(a)))
        speed, push = direction * v, direction * a
        peak = np.sqrt(np.maximum(push * push / 2.0 - jerk * speed, 0.0))
        rising = np.minimum(peak, acceleration)
        at_peak = np.maximum(peak * peak - rising * rising, 0.0) / (jerk * rising + _TINY)
        self._start = start
        self._times = (np.maximum(rising - push, 0.0) / jerk, at_peak, rising / jerk)
        self._jerk = direction * jerk
        self.duration_s = self._times[0] + self._times[1] + self._times[2]
        self.top_speed = np.maximum(np.abs(v), np.abs(remaining))
        # Where it turns round on the way: it moves one way now and has to come back.
        root = np.sqrt(np.maximum(push * push - 2.0 * jerk * speed, 0.0))
        turn_s = np.where((speed > 0.0) & (push < 0.0), (-push - root) / jerk, 0.0)
        turn = moved(start, self._jerk, np.maximum(turn_s, 0.0)).position
        self._end = self._run(self.duration_s).position
        self.lowest = np.minimum(np.minimum(p, self._end), turn)
        self.highest = np.maximum(np.maximum(p, self._end), turn)

    def at(self, time_s: Array | float) -> MotionState:
        """The state `time_s` after the start; it rests at the end, exactly."""
        state = self._run(time_s)
        over = time_s >= self.duration_s
        return MotionState(
            np.where(over, self._end, state.position),
            np.where(over, 0.0, state.velocity),
            np.where(over, 0.0, state.acceleration),
        )

    def _run(self, time_s: Array | float) -> MotionState:
        first, second, third = self._times
        state = moved(self._start, self._jerk, np.minimum(time_s, first))
        state = moved(state, _NO_JERK, np.minimum(np.maximum(time_s - first, 0.0), second))
        left = np.minimum(np.maximum(time_s - first - second, 0.0), third)
        return moved(state, -self._jerk, left)


_TINY = 1e-300
_NO_JERK = np.zeros(1)

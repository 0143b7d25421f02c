"""Position, velocity, acceleration and jerk limits of all joints, applied to every command.

The limiter moves a state (position, velocity, acceleration) with a bounded jerk. It takes a step
towards the target only if from the new state a full stop within all limits is possible; otherwise
it goes on with the stop that was found possible one step before. So there is always a stop within
the limits, and no command leaves them, whatever the targets are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vega_control.stop import Array, MotionState, StopPlan, moved

# Gains (1/s) of position and velocity: behind a bend in the path the command lags 25 ms.
_POSITION_GAIN, _VELOCITY_GAIN = 25.0, 100.0
# Headroom that keeps ordinary motion off the limits, where only stops are left.
_SPEED_SHARE, _ACCELERATION_SHARE, _JERK_SHARE = 0.98, 0.6, 0.5
# Tried from the target (0) to the stop (1) where the target's step is impossible.
_SHARES = np.linspace(0.125, 0.875, 7)[:, None]
_ROUNDING = 1e-9


class Motion(NamedTuple):
    """A step: the state after it, and the stop from there."""

    state: MotionState
    stop: StopPlan
    limited: bool


class Limiter:
    """Follows targets within the limits of all joints: rad, grippers m, and seconds."""

    def __init__(
        self,
        lower: Sequence[float],
        upper: Sequence[float],
        velocity: Sequence[float],
        acceleration: Sequence[float],
        jerk: Sequence[float],
    ) -> None:
        """Takes the limits [n]."""
        self._lower, self._upper = np.array(lower, np.float64), np.array(upper, np.float64)
        self._velocity = np.array(velocity, np.float64)
        self._acceleration = np.array(acceleration, np.float64)
        self._jerk = np.array(jerk, np.float64)
        self._reset_range(np.array(lower, np.float64))
        self._accept_state(self._at_rest(np.array(lower, np.float64)))

    @property
    def state(self) -> MotionState:
        """The state of the newest command."""
        return self._state

    @property
    def stop(self) -> StopPlan:
        """The stop that is followed by `brake`; it started `stop_age_s` ago."""
        return self._stop

    @property
    def at_rest(self) -> bool:
        """Whether nothing moves."""
        return not (self._state.velocity.any() or self._state.acceleration.any())

    @property
    def rest_s(self) -> float:
        """Time that `brake` needs to come to rest."""
        return max(0.0, float(self._stop.duration_s.max()) - self._stop_age_s)

    def start(self, position: Array, place: slice = slice(None)) -> None:
        """Begins at rest at `position` [n], or only the joints of `place`; others move on.

        Where it lies outside the position limits the commands walk into them.
        """
        p, v, a = (field.copy() for field in self._state)
        p[place], v[place], a[place] = position[place], 0.0, 0.0
        self._reset_range(p)
        self._accept_state(MotionState(p, v, a))

    def toward(self, target: Array, rate: Array, interval_s: float) -> Motion:
        """The step of `interval_s` that leads nearest to a target that moves at `rate`.

        Nothing has moved until it is passed to `accept`.

        Args:
            target: Wanted positions [n], finite.
            rate: Their velocities [n].
            interval_s: Time since the last command.
        """
        within = np.minimum(np.maximum(target, self._lower), self._upper)
        clipped = within != target
        wanted = self._steered(within, np.where(clipped, 0.0, rate), interval_s)
        stop = StopPlan(wanted, self._acceleration, self._jerk)
        possible = self._possible(wanted, stop, interval_s)
        limited = bool(clipped.any())
        if not possible.all():
            wanted = self._nearest_possible(wanted, possible, interval_s)
            stop = StopPlan(wanted, self._acceleration, self._jerk)
            limited = True
        return Motion(wanted, stop, limited)

    def accept(self, motion: Motion) -> None:
        """Takes a step."""
        self._state, self._stop, self._stop_age_s = motion.state, motion.stop, 0.0
        self._narrow_range()

    def brake(self, interval_s: float) -> None:
        """Goes on towards rest for `interval_s`."""
        self._stop_age_s += interval_s
        self._state = self._stop.at(self._stop_age_s)
        self._narrow_range()

    def _steered(self, target: Array, rate: Array, h: float) -> MotionState:
        """The state after a step that steers towards the target, jerk and acceleration limited."""
        p, v, a = self._state
        reach = target - (p + h * (v + h * a / 2.0))
        speed = rate + _eased(reach, _POSITION_GAIN, _ACCELERATION_SHARE * self._acceleration)
        top = _SPEED_SHARE * self._velocity
        speed = np.minimum(np.maximum(speed, -top), top)
        push = _eased(speed - (v + h * a), _VELOCITY_GAIN, _JERK_SHARE * self._jerk)
        push = np.minimum(np.maximum(push, -self._acceleration), self._acceleration)
        jerk = np.minimum(np.maximum((push - a) / h, -self._jerk), self._jerk)
        return moved(self._state, jerk, h)

    def _possible(self, state: MotionState, stop: StopPlan, h: float) -> NDArray[np.bool_]:
        """Which joints are within the limits on the way to a state and on the stop from there."""
        a = self._state.acceleration
        # Velocity has a peak inside the step where acceleration changes its sign.
        change = state.acceleration - a
        crosses = a * state.acceleration < 0.0
        peak = np.where(
            crosses, self._state.velocity - a * a * h / (2.0 * np.where(crosses, change, 1.0)), 0.0
        )
        return (
            (np.abs(state.acceleration) <= self._acceleration * (1.0 + _ROUNDING))
            & (np.maximum(np.abs(peak), stop.top_speed) <= self._velocity * (1.0 + _ROUNDING))
            & (stop.lowest >= self._lowest - _ROUNDING)
            & (stop.highest <= self._highest + _ROUNDING)
        )

    def _nearest_possible(
        self, wanted: MotionState, possible: NDArray[np.bool_], h: float
    ) -> MotionState:
        braked = self._stop.at(self._stop_age_s + h)
        mixed = MotionState(*((1.0 - _SHARES) * w + _SHARES * b for w, b in zip(wanted, braked)))
        plans = StopPlan(mixed, self._acceleration, self._jerk)
        # What peaks inside the step stays in the limits only at the full stop.
        within = self._possible(mixed, plans, h) & self._possible(wanted, plans, h)
        first = np.argmax(within, axis=0)
        any_mixed = within.any(axis=0)
        columns = np.arange(len(first))
        return MotionState(
            *(
                np.where(possible, w, np.where(any_mixed, m[first, columns], b))
                for w, m, b in zip(wanted, mixed, braked)
            )
        )

    def _accept_state(self, state: MotionState) -> None:
        self._state = state
        self._stop = StopPlan(state, self._acceleration, self._jerk)
        self._stop_age_s = 0.0

    @staticmethod
    def _at_rest(position: Array) -> MotionState:
        return MotionState(position, np.zeros_like(position), np.zeros_like(position))

    def _reset_range(self, position: Array) -> None:
        self._lowest = np.minimum(self._lower, position)
        self._highest = np.maximum(self._upper, position)

    def _narrow_range(self) -> None:
        # Rounding must not add up to a command that is out of range by one bit.
        p = np.minimum(np.maximum(self._state.position, self._lowest), self._highest)
        self._state = MotionState(p, self._state.velocity, self._state.acceleration)
        self._lowest = np.minimum(self._lower, np.maximum(self._lowest, p))
        self._highest = np.maximum(self._upper, np.minimum(self._highest, p))


def _eased(error: Array, gain: float, limit: Array) -> Array:
    """Proportional near zero; further off no faster than can be taken back at `limit`."""
    size = np.abs(error)
    linear = limit / (gain * gain)
    far = np.sqrt(2.0 * limit * np.maximum(size - linear / 2.0, 0.0))
    return np.sign(error) * np.where(size < linear, gain * size, far)

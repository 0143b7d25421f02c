"""Trajectory limiter: towards the reference, within the limits, inside the workspace."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vega_control.collision_guard import CollisionGuard
from vega_control.config import GateConfig
from vega_control.limits import Limiter
from vega_control.schedule import Reference

Array = NDArray[np.float64]

# A command may make up for this much time after a stall, however long it was: four periods.
_LONGEST_STEP_S = 0.02
# Two ticks at the same time make no step.
_SHORTEST_STEP_S = 0.0005
# Without commands for this long the arms have stopped by themselves.
_ARMS_STOPPED_S = 0.1


class Step(NamedTuple):
    """One command.

    Attributes:
        positions: [n] rad, grippers m.
        advance_s: Time that the command moved on; after a stall less than has passed.
        anew: [n] whether a joint's command begins anew where the joint is, at rest.
        limited: Whether a limit changed it.
        blocked: Whether it brakes because what is wanted leads out of the workspace.
    """

    positions: Array
    advance_s: float
    anew: NDArray[np.bool_]
    limited: bool
    blocked: bool


class TrajectoryLimiter:
    """The one place where commands come from."""

    def __init__(self, config: GateConfig, guard: CollisionGuard | None) -> None:
        """Takes the limits, and the collision guard if the workspace is known."""
        self._limiter = Limiter(
            config.lower, config.upper, config.velocity, config.acceleration, config.jerk
        )
        self._guard = guard
        self._names = config.joint_names
        self._follows = np.array(config.follows, np.float64)
        self._count = len(config.joint_names)
        self._period_s = config.period_s
        self._last_s = 0.0
        self._anew = np.ones(self._count, bool)

    @property
    def positions(self) -> Array:
        """The newest command [n]."""
        return self._limiter.state.position

    @property
    def last_s(self) -> float:
        """When it was made."""
        return self._last_s

    def start(self, positions: Array, now_s: float) -> None:
        """Begins anew at rest."""
        self.place(positions, slice(None))
        self._last_s = now_s

    def place(self, positions: Array, place: slice) -> None:
        """Takes measured `positions` [n] for the commanded ones of the joints at `place`."""
        self._limiter.start(positions, place)
        self._anew[place] = True
        if self._guard is not None:
            self._guard.reset()

    def step(self, wanted: Reference | None, now_s: float) -> Step:
        """The next command: towards `wanted`, or with None towards rest."""
        passed_s = now_s - self._last_s
        if passed_s < _SHORTEST_STEP_S:
            return self._step(0.0, False, False)
        if passed_s > _ARMS_STOPPED_S:
            self.place(self.positions, slice(None))
        self._last_s = now_s
        interval_s = min(passed_s, _LONGEST_STEP_S)
        if wanted is None:
            self._limiter.brake(interval_s)
            return self._step(interval_s, False, False)
        motion = self._limiter.toward(wanted.positions, wanted.rates, interval_s)
        if self._guard is not None and not self._guard.permits(
            self._limiter.state, motion.state, motion.stop
        ):
            self._limiter.brake(interval_s)
            return self._step(interval_s, True, True)
        self._limiter.accept(motion)
        return self._step(interval_s, motion.limited, False)

    def come_to_rest(self) -> list[Step]:
        """The commands, one a period, that end at rest; at least one."""
        steps = [self.step(None, self._last_s + self._period_s)]
        while not self._limiter.at_rest:
            steps.append(self.step(None, self._last_s + self._period_s))
        return steps

    def left_behind(self, measured: Array) -> str | None:
        """Which joint [n] is too far from its command to be following it, or None."""
        away = np.abs(self.positions - measured)
        if (away <= self._follows).all():
            return None
        worst = int(np.argmax(away - self._follows))
        limit = self._follows[worst]
        return f"{self._names[worst]} is {away[worst]:.2f} from its command (limit {limit:g})"

    def blocked_by(self) -> str:
        """What is in the way, in words for people."""
        return "" if self._guard is None else self._guard.offence()

    def _step(self, advance_s: float, limited: bool, blocked: bool) -> Step:
        anew, self._anew = self._anew, np.zeros(self._count, bool)
        return Step(self.positions, advance_s, anew, limited, blocked)

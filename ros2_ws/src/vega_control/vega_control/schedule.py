"""The plan in time: what is wanted when, the chunk in force, and the control steps of it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from vega_control.chunk import Chunk
from vega_control.config import GateConfig

Array = NDArray[np.float64]

TIME_TOLERANCE_S = 1e-6
_ROUNDING_S = 1e-6


class Reference(NamedTuple):
    """Wanted positions [n] and how fast they change [n]: rad and rad/s, grippers m and m/s."""

    positions: Array
    rates: Array


class Source(Protocol):
    """Wants the arms somewhere."""

    def at(self, now_s: float) -> Reference | None:
        """What it wants at a time; None once there is nothing more."""


class Schedule:
    """Where the policy wants the arms at any time.

    Row k of a chunk is due at `observed_s + (k + 1) * dt_s`, in between it is interpolated
    linearly. A chunk takes over at the time it arrives: rows that were due while it was being
    computed are skipped. What is left of the old motion fades out over `crossfade_s`, so that a
    takeover bends the path instead of breaking it.
    """

    def __init__(self, crossfade_s: float) -> None:
        self._crossfade_s = crossfade_s
        self._chunk: Chunk | None = None
        self._rows = np.empty((0, 0))
        self._offset = np.empty(0)
        self._spliced_s = 0.0

    @property
    def chunk(self) -> Chunk | None:
        """The chunk in force."""
        return self._chunk

    def has_run_out(self, now_s: float) -> bool:
        """Whether the last row of the chunk in force was due before `now_s`."""
        return self._chunk is not None and now_s > self._chunk.end_s + _ROUNDING_S

    def clear(self) -> None:
        """Forgets the chunk."""
        self._chunk = None

    def splice(self, chunk: Chunk, now_s: float, commanded: Array) -> None:
        """Puts a chunk in force.

        Args:
            chunk: A checked chunk that has not run out at `now_s`.
            now_s: Present time.
            commanded: The last command [n], where the fade starts.
        """
        self._chunk = chunk
        self._rows = chunk.rows
        self._spliced_s = now_s
        self._offset = commanded - self._interpolate(chunk, now_s).positions

    def at(self, now_s: float) -> Reference | None:
        """What is wanted [n], or None without a chunk or after its last row was due."""
        if self._chunk is None or self.has_run_out(now_s):
            return None
        plan = self._interpolate(self._chunk, now_s)
        faded = max(now_s - self._spliced_s, 0.0)
        if faded < self._crossfade_s:
            left = 1.0 - faded / self._crossfade_s
            return Reference(
                plan.positions + left * self._offset,
                plan.rates - self._offset / self._crossfade_s,
            )
        return plan

    def step(self, now_s: float) -> int:
        """The row that is approached at `now_s`."""
        if self._chunk is None:
            raise RuntimeError("there is no chunk in force")
        step = int(np.ceil(self._rows_passed(self._chunk, now_s) - _ROUNDING_S))
        return min(max(step, 0), self._chunk.steps - 1)

    def _interpolate(self, chunk: Chunk, now_s: float) -> Reference:
        passed = self._rows_passed(chunk, now_s)
        if passed <= 0.0:
            return Reference(self._rows[0], np.zeros_like(self._rows[0]))
        k = int(passed)
        if k >= chunk.steps - 1:
            return Reference(self._rows[-1], np.zeros_like(self._rows[-1]))
        share = passed - k
        step = self._rows[k + 1] - self._rows[k]
        return Reference(self._rows[k] + share * step, step / chunk.dt_s)

    @staticmethod
    def _rows_passed(chunk: Chunk, now_s: float) -> float:
        """0 when row 0 is due, 1 when row 1 is due."""
        return (now_s - chunk.observed_s) / chunk.dt_s - 1.0


class Target(NamedTuple):
    """The plan at one control step, within the position limits."""

    time_s: float
    chunk_sequence: int
    step: int
    positions: Array


class Command(NamedTuple):
    """What to send now.

    Attributes:
        positions: Of all joints: rad, grippers m.
        target: The control step, if a new one began.
        advance_s: Time that the command moved on since the last one.
        anew: Joints whose command begins anew where they are, at rest.
    """

    positions: Array
    target: Target | None
    advance_s: float
    anew: NDArray[np.bool_]


class ControlSteps:
    """The grid of control steps, from when the policy began to lead; chunks do not shift it."""

    def __init__(self, config: GateConfig) -> None:
        self._period_s = config.control_period_s
        self._lower = np.array(config.lower, np.float64)
        self._upper = np.array(config.upper, np.float64)
        self._next_s: float | None = None

    def begin(self, now_s: float) -> None:
        """The first step is now."""
        self._next_s = now_s

    def end(self) -> None:
        """There are no more steps."""
        self._next_s = None

    def due(self, schedule: Schedule, now_s: float) -> Target | None:
        """The step that has begun since the last call; of several, the newest."""
        if self._next_s is None:
            return None
        late_s = now_s - self._next_s
        if late_s < -TIME_TOLERANCE_S:
            return None
        time_s = self._next_s + max(0.0, late_s // self._period_s) * self._period_s
        self._next_s = time_s + self._period_s
        planned, chunk = schedule.at(time_s), schedule.chunk
        if planned is None or chunk is None:
            return None
        within = np.minimum(np.maximum(planned.positions, self._lower), self._upper)
        return Target(time_s, chunk.sequence, schedule.step(time_s), within)

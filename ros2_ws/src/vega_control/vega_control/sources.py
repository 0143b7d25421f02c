"""What may lead the arms: the chunks of a policy, the way home, or the leaders."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from vega_control.config import GateConfig
from vega_control.feedback import Feedback, Now
from vega_control.homing import Homing
from vega_control.report import Mode
from vega_control.schedule import Reference, Schedule, Source

Array = NDArray[np.float64]

# Velocity of a leader is measured over this time: joint states are too coarse for less.
_SPAN_S = 0.02


class Leaders:
    """The leaders as a source of motion.

    When they take over, the difference between leader and arm fades out over `handover_s`, so that
    nothing jumps.
    """

    def __init__(self, config: GateConfig) -> None:
        self._config = config
        self.feedback = Feedback.of(config, "leader")
        self._tolerance = np.full(len(config.joint_names), config.aligned_rad)
        self._tolerance[[p.stop - 1 for p in config.arms.values()]] = config.aligned_gripper_m
        self._seen: deque[tuple[float, Array]] = deque()
        self._offset = np.zeros(len(config.joint_names))
        self._begin_s = 0.0

    def misaligned(self, commanded: Array) -> str | None:
        """How the leaders [n] have to be moved before they may take over, or None."""
        away = self.feedback.positions - commanded
        if (np.abs(away) <= self._tolerance).all():
            return None
        moves = []
        for place in self._config.arms.values():
            worst = place.start + int(np.argmax(np.abs(away[place]) / self._tolerance[place]))
            if abs(away[worst]) > self._tolerance[worst]:
                unit = "m" if worst == place.stop - 1 else "rad"
                moves.append(f"{self._config.joint_names[worst]} by {-away[worst]:+.2f} {unit}")
        return f"the leaders do not stand where the arms are; move {' and '.join(moves)}"

    def take_over(self, commanded: Array, now_s: float) -> None:
        """Begins to lead from the commanded positions [n]."""
        self._seen.clear()
        self._offset = commanded - self.feedback.positions
        self._begin_s = now_s

    def at(self, now_s: float) -> Reference:
        """Where the leaders want the arms now."""
        positions = self.feedback.positions.copy()
        self._seen.append((now_s, positions))
        while len(self._seen) > 2 and now_s - self._seen[1][0] >= _SPAN_S:
            self._seen.popleft()
        before_s, before = self._seen[0]
        span_s = now_s - before_s
        rates = (positions - before) / span_s if span_s > 0.0 else np.zeros_like(positions)
        s = min(max(now_s - self._begin_s, 0.0) / self._config.handover_s, 1.0)
        left = 1.0 - s * s * (3.0 - 2.0 * s)
        closing = -6.0 * s * (1.0 - s) / self._config.handover_s
        return Reference(positions + left * self._offset, rates + closing * self._offset)


class Sources:
    """Each mode in which the arms are led has its source.

    Attributes:
        schedule: Of the chunks that are in force.
        leaders: As they are heard.
        way_home: The last one that was planned.
    """

    def __init__(self, config: GateConfig) -> None:
        self.schedule = Schedule(config.crossfade_s)
        self.leaders = Leaders(config)
        self.way_home: Homing | None = None

    def clear(self) -> None:
        """Drops chunks and the way home."""
        self.schedule.clear()
        self.way_home = None

    def wanted(self, mode: Mode, now_s: float) -> Reference | None:
        """What the source of this mode wants now; None for a mode in which nothing leads."""
        source = self._source(mode)
        return None if source is None else source.at(now_s)

    def _source(self, mode: Mode) -> Source | None:
        if mode is Mode.EXECUTING:
            return self.schedule
        if mode is Mode.HOMING:
            return self.way_home
        return self.leaders if mode is Mode.LEADER else None

    def ended(self, mode: Mode, now: Now) -> str | None:
        """Why the source of this mode leads no longer, or None while it does."""
        if mode is Mode.EXECUTING:
            chunk = self.schedule.chunk
            if chunk is not None and self.schedule.has_run_out(now.ros_s):
                return f"chunk {chunk.sequence} has run out and no newer one came"
        elif mode is Mode.HOMING:
            if self.way_home is not None and self.way_home.at(now.ros_s) is None:
                return "at home"
        elif mode is Mode.LEADER:
            return self.leaders.feedback.problem(now.monotonic_s)
        return None

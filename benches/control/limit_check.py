"""Judges commands from outside: whether they kept to the limits, and to the workspace.

A motion whose velocity, acceleration and jerk never exceed their limits has divided differences
that do not either (mean value theorem), whatever the times of its samples are. So these are what
is looked at; nothing of the limiter is used.
"""

from __future__ import annotations

from collections import Counter
from math import factorial

import numpy as np
from numpy.typing import NDArray
from vega_control.config import GateConfig
from vega_control.gate import Command
from vega_control.workspace import Workspace

Array = NDArray[np.float64]

_WORDS = ("position", "velocity", "acceleration", "jerk")
# Of a limit: what rounding makes of differences of doubles over a few milliseconds.
_TOLERANCE = 1e-5
_POSITION_TOLERANCE = 1e-9


class LimitCheck:
    """Counts commands that exceed a limit and keeps the greatest share of each that was used."""

    def __init__(self, config: GateConfig, workspace: Workspace | None = None) -> None:
        """Takes the limits, and the workspace if it is to be looked at."""
        self._lower, self._upper = np.array(config.lower), np.array(config.upper)
        self._limits = [np.array(x) for x in (config.velocity, config.acceleration, config.jerk)]
        self._workspace = workspace
        self._recent: list[tuple[float, Array]] = []
        self._fresh = np.zeros(len(config.joint_names), int)
        self._time_s = 0.0
        self._unchecked: list[Array] = []
        self.commands = 0
        self.exceeded: Counter[str] = Counter()
        self.greatest: dict[str, float] = dict.fromkeys(_WORDS[1:], 0.0)

    def add(self, command: Command) -> None:
        """Judges the next command."""
        self.commands += 1
        self._fresh[command.anew] = 0
        before = self._recent[-1][1] if self._recent else command.positions
        self._judge_position(command, before)
        if command.advance_s == 0.0 and self._recent and not command.anew.any():
            self.exceeded["velocity"] += bool((command.positions != before).any())
            return
        self._time_s += max(command.advance_s, 1e-3 if command.anew.any() else 0.0)
        self._recent = [*self._recent[-3:], (self._time_s, command.positions.copy())]
        self._fresh += 1
        self._judge_motion()
        if self._workspace is not None:
            self._unchecked.append(command.positions.copy())

    def _judge_position(self, command: Command, before: Array) -> None:
        outside = np.maximum(self._lower - command.positions, command.positions - self._upper)
        was = np.maximum(self._lower - before, before - self._upper)
        # An arm that was found outside its limits may only come in.
        allowed = np.where(command.anew, np.inf, np.maximum(was, 0.0)) + _POSITION_TOLERANCE
        self.exceeded["position"] += bool((outside > allowed).any())
        self.exceeded["not finite"] += not np.isfinite(command.positions).all()

    def _judge_motion(self) -> None:
        times = np.array([time_s for time_s, _ in self._recent])
        differences = np.array([positions for _, positions in self._recent])
        for order, limit in enumerate(self._limits, 1):
            if len(times) <= order:
                return
            spans = (times[order:] - times[:-order])[:, None]
            differences = np.diff(differences, axis=0) / spans
            used = np.abs(differences[-1]) * factorial(order) / limit
            used[self._fresh <= order] = 0.0
            word = _WORDS[order]
            self.greatest[word] = max(self.greatest[word], float(used.max()))
            self.exceeded[word] += bool(used.max() > 1.0 + _TOLERANCE)

    def workspace_breaches(self) -> int:
        """How many commands since the last call were outside the workspace."""
        if self._workspace is None or not self._unchecked:
            return 0
        clearances = self._workspace.clearance(np.array(self._unchecked))
        self._unchecked.clear()
        return int((clearances < 0.0).sum())

    @property
    def violations(self) -> dict[str, int]:
        """Commands that exceeded a limit, by limit."""
        return {word: count for word, count in self.exceeded.items() if count}

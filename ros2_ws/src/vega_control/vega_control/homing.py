"""The way home: slow joint ramps along a path that was checked before."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vega_control.bodies import JOINTS
from vega_control.config import GateConfig
from vega_control.schedule import Reference
from vega_control.workspace import Workspace

Array = NDArray[np.float64]

_SPEED_SHARE, _OTHER_SHARE = 0.3, 0.4
_SHORTEST_S = 0.5
# Peaks of the smooth ramp from 0 to 1 in one second: velocity, acceleration, jerk.
_PEAKS = (1.875, 5.774, 60.0)
_SAMPLE_RAD = 0.02
_NOT_DEEPER_M = 1e-6


class NoWayHome(ValueError):
    """Every way home leads out of the workspace; the text says where the shortest does."""


class Homing:
    """Leads through postures, each at rest; slower than policies may be."""

    def __init__(self, config: GateConfig, postures: list[Array], now_s: float) -> None:
        """Begins at the first of the postures [n] at `now_s`."""
        self._legs = list(itertools.pairwise(postures))
        self._durations = [_duration(config, end - start) for start, end in self._legs]
        self._begin_s = now_s

    @property
    def duration_s(self) -> float:
        """How long it takes."""
        return sum(self._durations)

    def at(self, now_s: float) -> Reference | None:
        """What is wanted, or None once it is home."""
        passed_s = now_s - self._begin_s
        for (start, end), duration_s in zip(self._legs, self._durations):
            if passed_s <= duration_s:
                s = max(passed_s, 0.0) / duration_s
                share = s**3 * (10.0 - 15.0 * s + 6.0 * s * s)
                slope = 30.0 * s * s * (1.0 - s) ** 2 / duration_s
                return Reference(start + share * (end - start), slope * (end - start))
            passed_s -= duration_s
        return None


def plan(config: GateConfig, workspace: Workspace | None, start: Array, now_s: float) -> Homing:
    """The first way home that keeps to the workspace; grippers move last.

    Raises:
        NoWayHome: There is none among those tried.
    """
    home = np.array(config.home, np.float64)
    closed = start.copy()
    arms = np.ones(len(start), bool)
    arms[[place.stop - 1 for place in config.arms.values()]] = False
    closed[arms] = home[arms]
    problem = ""
    for postures in _ways(config, start, closed):
        found = "" if workspace is None else _in_the_way(workspace, postures)
        if not found:
            return Homing(config, [*postures, home], now_s)
        problem = problem or found
    raise NoWayHome(
        f"{problem}, on the way home; lead the arms away from it by hand or with the leaders first"
    )


def _ways(config: GateConfig, start: Array, end: Array) -> Iterator[list[Array]]:
    """Straight; first folded up and then turned; one arm after the other."""
    yield [start, end]
    folded = end.copy()
    first_joints = [place.start for place in config.arms.values()]
    folded[first_joints] = start[first_joints]
    yield [start, folded, end]
    for place in config.arms.values():
        one = start.copy()
        one[place] = end[place]
        yield [start, one, end]


def _in_the_way(workspace: Workspace, postures: list[Array]) -> str:
    for start, end in itertools.pairwise(postures):
        samples = 2 + int(np.abs(end - start)[: 2 * JOINTS].max() / _SAMPLE_RAD)
        way = start + np.linspace(0.0, 1.0, samples)[:, None] * (end - start)
        clearances = workspace.clearance(way)
        worst = int(np.argmin(clearances))
        # Arms that are outside the workspace may come home, but not by going further outside.
        if clearances[worst] < min(0.0, float(clearances[0])) - _NOT_DEEPER_M:
            return workspace.explain(way[worst])
    return ""


def _duration(config: GateConfig, distance: Array) -> float:
    far = np.abs(distance)
    times = (
        _PEAKS[0] * far / (_SPEED_SHARE * np.array(config.velocity)),
        (_PEAKS[1] * far / (_OTHER_SHARE * np.array(config.acceleration))) ** (1 / 2),
        (_PEAKS[2] * far / (_OTHER_SHARE * np.array(config.jerk))) ** (1 / 3),
    )
    return max(_SHORTEST_S, *(float(t.max()) for t in times))

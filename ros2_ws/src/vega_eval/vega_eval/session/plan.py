"""Where the objects of a session lie, in the twin and on a real table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec

from hw_config import TaskConfig
from teleop.placements import Grid
from vega_eval.placements import spread
from vega_eval.trials.schedule import Placement

Lay = Callable[[int], Sequence[Placement]]


def placements_for(task: TaskConfig, variant: str, robot: str, seed: int) -> Lay:
    """Plans placements, spread over the task's grid.

    With the twin installed they are scenes of the twin on a real table, too: it can then show what
    a table should look like.

    Args:
        task: What is asked for.
        variant: Of it.
        robot: sim, emulated or real.
        seed: Of the session.
    """
    if robot == "real" and find_spec("mujoco") is None:
        return partial(by_hand, task, variant, seed)
    return lambda count: spread(task, variant, count, seed)


def by_hand(task: TaskConfig, variant: str, seed: int, count: int) -> list[Placement]:
    """Placements without a twin; a task without a grid is laid as its description says."""
    if task.placement is None:
        return [Placement(description=task.description)] * count
    grid = Grid(task, variant)
    covered = dict.fromkeys(grid.cells, 0)
    placements = []
    for _ in range(count):
        cell = grid.next_cell(covered, seed)
        spot = grid.spot(cell, covered[cell], seed)
        placements.append(Placement.of(grid.record(cell, spot)))
        covered[cell] += 1
    return placements

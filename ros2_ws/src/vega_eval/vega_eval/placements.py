"""Where the objects of a session lie: by seeds of the twin, or by hand on a real table.

Demonstrations of this project are recorded with seeds from 1000 up; trials are better not. The twin
itself is needed when placements are planned, not to import this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, cast

from hw_config import TaskConfig
from teleop.placements import Grid, GridCell
from vega_eval.trials.schedule import Placement

# So far apart begin the scenes of sessions with seeds 0, 1, 2 ...: their trials can be pooled.
_APART = 10_000


class _Scenes(Protocol):
    """What `vega_sim.placements` knows of the twin's episodes."""

    def seed_for(self, task: str, variant: str, cell: GridCell, after: int) -> int: ...
    def placement_record(self, task: TaskConfig, variant: str, seed: int) -> dict[str, object]: ...


def _scenes() -> _Scenes:
    # By name: whoever sets a real table has neither the twin nor MuJoCo.
    return cast(_Scenes, import_module("vega_sim.placements"))


def consecutive(task: TaskConfig, variant: str, count: int, first: int) -> list[Placement]:
    """Seeds `first`, `first` + 1 ..., wherever they place things.

    Raises:
        hw_config.ConfigError: The task has no such variant.
    """
    scenes, seeds = _scenes(), range(first, first + count)
    return [Placement.of(scenes.placement_record(task, variant, seed)) for seed in seeds]


def spread(task: TaskConfig, variant: str, count: int, seed: int) -> list[Placement]:
    """Seeds that place the main object in every cell of the task's grid about equally often.

    Each time a cell that is covered least comes next; `seed` decides among those, and which scenes
    show them. Another one has other scenes. A task without a grid has consecutive ones.

    Raises:
        hw_config.ConfigError: The task has no such variant.
        ValueError: The twin places nothing in some cell.
    """
    first = seed * _APART
    if task.placement is None:
        return consecutive(task, variant, count, first)
    scenes, grid = _scenes(), Grid(task, variant)
    covered: dict[GridCell, int] = dict.fromkeys(grid.cells, 0)
    newest: dict[GridCell, int] = dict.fromkeys(grid.cells, first - 1)
    placements = []
    for _ in range(count):
        cell = grid.next_cell(covered, seed)
        covered[cell] += 1
        newest[cell] = scenes.seed_for(task.name, variant, cell, newest[cell])
        placements.append(Placement.of(scenes.placement_record(task, variant, newest[cell])))
    return placements


def placements_for(
    task: TaskConfig, variant: str, robot: str, seed: int
) -> Callable[[int], Sequence[Placement]]:
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
    """Placements without a twin; a task without a grid is placed as its description says."""
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

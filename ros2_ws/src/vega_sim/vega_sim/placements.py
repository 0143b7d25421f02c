"""Seeds by placement: which episode of the twin places the task's main object in a given cell.

An episode is a function of its seed, so a wanted placement is found by drawing the placements of
one seed after the other; nothing is stepped or rendered for it.
"""

from __future__ import annotations

import functools
import math
import threading

import hw_config
from teleop.placements import Grid, GridCell, Spot
from vega_sim.twin import Twin

_MOST_DRAWS = 20_000
_drawing = threading.Lock()


def seed_for(task: str, variant: str, cell: GridCell, after: int) -> int:
    """The first seed above `after` whose placement lies in a cell of the task's grid.

    Args:
        task, variant: as hw_config names them.
        cell: row from the robot and column from the left, from 1.
        after: the last seed used in this cell; -1 to start with.

    Raises:
        hw_config.ConfigError: The task or the variant is unknown, or has no grid.
        ValueError: The grid has no such cell, or the twin places nothing there.
    """
    with _drawing:
        draws = _draws(task, variant)
        draws.grid.bounds(cell)
        for seed in range(after + 1, after + 1 + _MOST_DRAWS):
            if draws.grid.cell_of(draws.spot(seed)) == cell:
                return seed
    raise ValueError(
        f"none of {_MOST_DRAWS} seeds after {after} lays the {draws.grid.object} into row "
        f"{cell[0]}, column {cell[1]}; does `placement` of {task} match the twin?"
    )


def placement_of(task: str, variant: str, seed: int) -> Spot:
    """Where the episode of a seed places the task's main object.

    Raises:
        hw_config.ConfigError: The task or the variant is unknown, or has no grid.
    """
    with _drawing:
        return _draws(task, variant).spot(seed)


def placement_record(task: hw_config.TaskConfig, variant: str, seed: int) -> dict[str, object]:
    """The placement of a seed's episode, as an episode's or a trial's file keeps it.

    A task without a grid has a seed and no more.
    """
    if task.placement is None:
        return {"seed": seed, "variant": variant, "cell": None, "description": f"seed {seed}"}
    grid, spot = Grid(task, variant), placement_of(task.name, variant, seed)
    cell = grid.cell_of(spot)
    if cell is None:
        what = f"{grid.object} outside the grid: {spot.where}"
        known: dict[str, object] = {"seed": seed, "variant": variant, "cell": None}
        return {**known, "description": f"seed {seed}: {what}"}
    known = grid.record(cell, spot, seed)
    return {**known, "description": f"seed {seed}: {known['description']}"}


class _Draws:
    """The placements of one task and variant by seed."""

    def __init__(self, task: str, variant: str) -> None:
        self.grid = Grid(hw_config.load_task(task), variant)
        self._twin = Twin(task, variant)

    def spot(self, seed: int) -> Spot:
        x, y, yaw = self._twin.placement(seed)
        return Spot(x, y, None if self.grid.region.yaw_deg is None else math.degrees(yaw))


_draws = functools.lru_cache(maxsize=2)(_Draws)

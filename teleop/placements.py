"""Placements: which cell of a task's grid comes next, and how it is described to the operator.

The grid is part of the task (`placement` in hw_config/tasks): a rectangle in `footprint` for the
middle of the task's main object, in rows and columns. Demonstrations and trials go to the cell that
has been covered least, in an order that depends on nothing but a seed and what is there already, so
that a session that is resumed goes on as if it had never stopped.

    grid = Grid(hw_config.load_task("close_laptop"), "easy")
    print(grid.next_placement(infos)["description"])

In the twin a seed places the objects: `twin_scenes` finds one for a cell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

import numpy as np

from hw_config import ConfigError, TaskConfig

if TYPE_CHECKING:
    from teleop.dataset.episode import EpisodeInfo

_ROUNDING_M = 1e-9  # a placement on the border of the grid is inside


class GridCell(NamedTuple):
    """A cell of the grid: row from the robot, column from the left, both counted from 1."""

    row: int
    column: int


@dataclass(frozen=True)
class Spot:
    """Where an object is: middle in `footprint` (m), turn in degrees (anticlockwise positive).

    `yaw_deg` is None for an object that looks alike from all sides.
    """

    x: float
    y: float
    yaw_deg: float | None = None

    @property
    def where(self) -> str:
        """Its place for people."""
        x, y = (round(value, 2) + 0.0 for value in (self.x, self.y))  # no minus before a zero
        return f"x {x:.2f} m, y {y:.2f} m"


class TwinScenes(Protocol):
    """What the twin (`vega_sim.placements`) knows of the scenes of its seeds."""

    def seed_for(self, task: str, variant: str, cell: GridCell, after: int) -> int:
        """The first seed above `after` whose scene has its main object in the cell."""

    def placement_record(self, task: TaskConfig, variant: str, seed: int) -> dict[str, object]:
        """The placement of a seed's scene, as an episode's file keeps it."""


def twin_scenes() -> TwinScenes:
    """The scenes of the twin, which is optional: at a real table nobody needs it, or MuJoCo.

    Raises:
        ImportError: The twin, or MuJoCo, is not installed.
    """
    return cast(TwinScenes, import_module("vega_sim.placements"))


class Grid:
    """The grid of a task's variant.

    Attributes:
        task, variant: names.
        object: what is placed by it.
        region: where it is and how it is divided.
        cells: all cells, by rows.
    """

    def __init__(self, task: TaskConfig, variant: str) -> None:
        """Takes the grid of a variant.

        Raises:
            hw_config.ConfigError: The task has no grid, or no such variant.
        """
        if task.placement is None:
            raise ConfigError(
                f"task {task.name!r} has no grid of placements; add `placement` to its file in "
                "hw_config/tasks"
            )
        if variant not in task.placement.regions:
            raise ConfigError(
                f"task {task.name!r} has no variant {variant!r}; use one of: "
                f"{', '.join(task.placement.regions)}"
            )
        self.task, self.variant = task.name, variant
        self.object, self._facing = task.placement.object, task.placement.facing
        self.region = task.placement.regions[variant]
        self.cells = tuple(
            GridCell(row, column)
            for row in range(1, self.region.rows + 1)
            for column in range(1, self.region.columns + 1)
        )

    def bounds(self, cell: GridCell) -> tuple[tuple[float, float], tuple[float, float]]:
        """Where a cell is: (lowest, highest) x and (lowest, highest) y in `footprint`, m.

        Raises:
            ValueError: The grid has no such cell.
        """
        if cell not in self.cells:
            raise ValueError(
                f"the grid of {self.task} ({self.variant}) has {self.region.rows} rows and "
                f"{self.region.columns} columns, counted from 1; got row {cell[0]}, column "
                f"{cell[1]}"
            )
        (x0, x1), (y0, y1) = self.region.x, self.region.y
        deep, wide = (x1 - x0) / self.region.rows, (y1 - y0) / self.region.columns
        near, left = x0 + (cell[0] - 1) * deep, y1 - (cell[1] - 1) * wide
        return (near, near + deep), (left - wide, left)

    def cell_of(self, spot: Spot) -> GridCell | None:
        """The cell in which an object is, or None when it is outside the grid."""
        region = self.region
        (x0, x1), (y0, y1) = region.x, region.y
        ahead, aside = spot.x - x0, y1 - spot.y
        if min(ahead, aside, x1 - spot.x, spot.y - y0) < -_ROUNDING_M:
            return None
        row = min(max(int(ahead / (x1 - x0) * region.rows), 0), region.rows - 1)
        column = min(max(int(aside / (y1 - y0) * region.columns), 0), region.columns - 1)
        return GridCell(row + 1, column + 1)

    def counts(self, infos: Iterable[EpisodeInfo]) -> dict[GridCell, int]:
        """Episodes in each cell of this task's grid; failed ones do not cover a cell."""
        found: Counter[GridCell] = Counter()
        for info in infos:
            cell = self.cell_of_episode(info)
            if cell is not None and info.outcome != "failure":
                found[cell] += 1
        return {cell: found[cell] for cell in self.cells}

    def cell_of_episode(self, info: EpisodeInfo) -> GridCell | None:
        """The cell for which an episode was recorded; None for another task, variant or grid."""
        given = info.placement
        if info.task != self.task or given is None or given.get("variant") != self.variant:
            return None
        cell = tuple(given.get("cell") or ())
        return GridCell(*cell) if cell in self.cells else None

    def next_cell(self, counts: Mapping[GridCell, int], seed: int = 0) -> GridCell:
        """A cell that is covered least; among equals the seed decides, anew in every round."""
        least = min(counts.get(cell, 0) for cell in self.cells)
        order = np.random.default_rng((seed, least)).permutation(len(self.cells))
        return next(cell for cell in (self.cells[i] for i in order) if counts.get(cell, 0) == least)

    def spot(self, cell: GridCell, time: int, seed: int = 0) -> Spot:
        """Where in a cell the object is placed the `time`-th time (0 first): whole cm and degrees.

        Raises:
            ValueError: The grid has no such cell.
        """
        rng = np.random.default_rng((seed, time, *cell))
        x, y = (round(float(rng.uniform(*_inside(span))), 2) + 0.0 for span in self.bounds(cell))
        turned = self.region.yaw_deg
        if turned is None:
            return Spot(x, y)
        yaw = round(float(rng.uniform(*turned)))
        return Spot(x, y, yaw + 180 * int(self.region.either_way_round and rng.random() < 0.5))

    def next_placement(self, infos: Iterable[EpisodeInfo], seed: int = 0) -> dict[str, object]:
        """Where a person places the objects for the next episode, as its file keeps it.

        Args:
            infos: What is there already; other tasks and variants are left out.
            seed: Decides among cells that are covered alike, and where in a cell.
        """
        counts = self.counts(infos)
        cell = self.next_cell(counts, seed)
        return self.record(cell, self.spot(cell, counts[cell], seed))

    def prompt(self, cell: GridCell, spot: Spot) -> str:
        """A sentence that tells the operator where to put things."""
        place = (
            f"{self.object}: {_nth(cell[0])} row from the robot, {_nth(cell[1])} from the left: "
            f"{spot.where}"
        )
        also = f"; {self.region.also}" if self.region.also else ""
        return place + self._turned(spot.yaw_deg) + also

    def record(self, cell: GridCell, spot: Spot, seed: int | None = None) -> dict[str, object]:
        """What an episode's file says of its placement; `seed` in the twin only."""
        return {
            "seed": seed,
            "variant": self.variant,
            "cell": list(cell),
            "spot": [spot.x, spot.y, spot.yaw_deg],
            "description": self.prompt(cell, spot),
        }

    def _turned(self, yaw_deg: float | None) -> str:
        if yaw_deg is None:
            return ""
        yaw = (yaw_deg + 180) % 360 - 180
        round_about = self.region.either_way_round and abs(yaw) > 90
        if round_about:
            yaw -= np.sign(yaw) * 180
        facing = f", {self._facing}" if self._facing else ""
        degrees = abs(round(yaw))
        direction = "anticlockwise" if yaw > 0 else "clockwise"
        turn = f", about {degrees} degrees {direction}" if degrees else ", straight"
        return facing + turn + (", then the other way round" if round_about else "")


def _inside(span: tuple[float, float]) -> tuple[float, float]:
    """What may be rounded to whole centimetres without leaving a cell."""
    margin = min(0.0051, (span[1] - span[0]) / 2)
    return span[0] + margin, span[1] - margin


def _nth(number: int) -> str:
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"

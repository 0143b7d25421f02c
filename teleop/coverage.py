"""Coverage: which cells of a task's grid its episodes fill, as a drawing from above and as a table.

    python -m teleop.coverage DATASET [--task close_laptop] [--out FOLDER]

writes one PNG a task and prints the table. The drawing is seen as by somebody who stands behind the
robot and looks down: x goes up, y to the left.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import hw_config
from hw_config import ConfigError, HardwareConfig, TaskConfig
from teleop.coverage_drawing import Coverage, EpisodeDot, draw
from teleop.dataset.store import read_infos
from teleop.placements import Grid, GridCell, Spot
from teleop.writing import not_written
from vega_core import command_line

if TYPE_CHECKING:
    from teleop.dataset.episode import EpisodeInfo


def coverage(infos: Iterable[EpisodeInfo], task: TaskConfig) -> list[Coverage]:
    """Coverage of each variant that has episodes, or of the first one when none has.

    Raises:
        hw_config.ConfigError: The task has no grid.
    """
    ours = [info for info in infos if info.task == task.name]
    grids = [Grid(task, variant) for variant in task.variants]
    placed = {grid.variant: _dots(ours, grid) for grid in grids}
    elsewhere = len(ours) - sum(map(len, placed.values()))
    shown = [grid for grid in grids if placed[grid.variant]] or grids[:1]
    return [
        Coverage(grid, grid.counts(ours), placed[grid.variant], elsewhere if not n else 0)
        for n, grid in enumerate(shown)
    ]


def drawing(
    infos: Iterable[EpisodeInfo], task: TaskConfig, hardware: HardwareConfig | None = None
) -> bytes:
    """PNG of a task's coverage: the grid among the arms, and every cell with its episodes.

    Args:
        infos: Episodes; those of other tasks are left out.
        task: The task.
        hardware: For the arms' bases; that of hw_config by default.

    Raises:
        hw_config.ConfigError: The task has no grid.
    """
    return draw(coverage(infos, task), hardware or hw_config.load())


def table(infos: Iterable[EpisodeInfo], task: TaskConfig) -> str:
    """The same as text: one line for each row of the grid, the farthest first.

    Raises:
        hw_config.ConfigError: The task has no grid.
    """
    return "\n\n".join("\n".join(_rows(found)) for found in coverage(infos, task))


def _rows(found: Coverage) -> Iterable[str]:
    region = found.grid.region
    yield found.headline
    for row in range(region.rows, 0, -1):
        (near, far), _ = found.grid.bounds(GridCell(row, 1))
        cells = [found.counts[GridCell(row, column)] for column in range(1, region.columns + 1)]
        yield f"  x {near:.3f} .. {far:.3f} m  " + "".join(f"{count:5d}" for count in cells)
    yield f"  y {region.y[1]:+.3f} m (left) .. {region.y[0]:+.3f} m (right)"


def _dots(infos: Iterable[EpisodeInfo], grid: Grid) -> tuple[EpisodeDot, ...]:
    dots = []
    for info in infos:
        cell = grid.cell_of_episode(info)
        if cell is not None:
            dots.append(EpisodeDot(cell, _spot((info.placement or {}).get("spot")), info.outcome))
    return tuple(dots)


def _spot(kept: object) -> Spot | None:
    if not isinstance(kept, (list, tuple)) or len(kept) != 3:
        return None
    return Spot(*kept)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0 written, 2 wrong use."""
    parser = command_line.parser("teleop.coverage", __doc__)
    parser.add_argument("dataset", type=Path, help="folder of a dataset")
    parser.add_argument("--task", help="only this one; otherwise every task of the dataset")
    parser.add_argument("--out", type=Path, help="folder for the drawings; DATASET/coverage")
    given = parser.parse_args(argv)
    out = given.out or given.dataset / "coverage"
    return command_line.run(lambda: _write(given.dataset, given.task, out), OSError, ValueError)


def _write(dataset: Path, task: str | None, out: Path) -> int:
    infos = read_infos(dataset)
    tasks = [task] if task else sorted({info.task for info in infos})
    if not tasks:
        raise ConfigError(f"{dataset}: no episodes yet; give --task to draw the empty grid of one")
    for name in tasks:
        config = hw_config.load_task(name)
        image, file = drawing(infos, config), out / f"{name}.png"
        try:
            out.mkdir(parents=True, exist_ok=True)
            file.write_bytes(image)
        except OSError as error:
            raise not_written(file, error) from None
        print(f"{table(infos, config)}\n-> {file}")
    return command_line.OK


if __name__ == "__main__":
    sys.exit(main())

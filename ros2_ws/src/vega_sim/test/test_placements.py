"""The twin lays what the grids of hw_config say, and a seed is found for every cell."""

import numpy as np
import pytest
from vega_sim import placements
from vega_sim.twin import Twin

import hw_config
from teleop.placements import Grid, GridCell

SEEDS = 300
SCENES = [(t, v) for t in hw_config.task_names() for v in hw_config.load_task(t).variants]


@pytest.mark.parametrize(("task", "variant"), SCENES)
def test_every_seed_lies_in_the_grid_and_fills_it(task, variant):
    grid = Grid(hw_config.load_task(task), variant)
    spots = [placements.placement_of(task, variant, seed) for seed in range(SEEDS)]
    assert None not in [grid.cell_of(spot) for spot in spots]
    for span, name in ((grid.region.x, "x"), (grid.region.y, "y")):
        found = [getattr(spot, name) for spot in spots]
        assert max(found) - min(found) > 0.9 * (span[1] - span[0])
    turned = grid.region.yaw_deg
    assert all((spot.yaw_deg is None) == (turned is None) for spot in spots)
    if turned is not None:
        yaws = np.array([spot.yaw_deg for spot in spots])
        about = np.abs(yaws) > 90
        assert about.any() == grid.region.either_way_round
        yaws[about] -= np.sign(yaws[about]) * 180
        assert turned[0] <= yaws.min() < 0.9 * turned[0]
        assert 0.9 * turned[1] < yaws.max() <= turned[1]


@pytest.mark.parametrize(("task", "variant"), SCENES)
def test_every_cell_has_seeds(task, variant):
    for cell in Grid(hw_config.load_task(task), variant).cells:
        first = placements.seed_for(task, variant, cell, after=-1)
        assert placements.seed_for(task, variant, cell, after=first) > first


def test_the_seed_is_the_first_one_after():
    cell = GridCell(2, 2)
    first = placements.seed_for("close_laptop", "easy", cell, after=10)
    assert placements.seed_for("close_laptop", "easy", cell, after=first - 1) == first
    grid = Grid(hw_config.load_task("close_laptop"), "easy")
    between = [placements.placement_of("close_laptop", "easy", s) for s in range(11, first)]
    assert cell not in [grid.cell_of(spot) for spot in between]


def test_the_episode_of_a_seed_starts_where_the_look_up_says():
    twin = Twin("handover_cucumber", "hard")
    seed = placements.seed_for("handover_cucumber", "hard", GridCell(2, 3), after=40)
    twin.reset(seed)
    spot = placements.placement_of("handover_cucumber", "hard", seed)
    # It settles by a few millimetres.
    assert twin.world.pose("cucumber")[:2, 3] == pytest.approx((spot.x, spot.y), abs=0.004)


def test_a_look_up_leaves_no_trace_in_the_next_episode():
    fresh, used = Twin("close_laptop", "hard"), Twin("close_laptop", "hard")
    used.placement(3)
    for twin in (fresh, used):
        twin.reset(5)
    assert np.array_equal(fresh.world.data.qpos, used.world.data.qpos)
    assert np.array_equal(fresh.world.model.geom_rgba, used.world.model.geom_rgba)


def test_unknown_names_and_cells_are_refused():
    with pytest.raises(hw_config.ConfigError, match="unknown task 'laptop'"):
        placements.seed_for("laptop", "easy", GridCell(1, 1), after=-1)
    with pytest.raises(hw_config.ConfigError, match="use one of: easy, hard"):
        placements.seed_for("close_laptop", "medium", GridCell(1, 1), after=-1)
    with pytest.raises(ValueError, match="3 rows and 3 columns"):
        placements.seed_for("close_laptop", "easy", GridCell(0, 1), after=-1)


def test_a_grid_that_the_twin_does_not_fill_is_told(monkeypatch, tmp_path):
    folder = tmp_path / "cell"
    (folder / "tasks").mkdir(parents=True)
    for source in hw_config.config_dir().glob("**/*.yaml"):
        text = source.read_text().replace("x: [0.46, 0.56]", "x: [0.86, 0.96]")
        (folder / source.relative_to(hw_config.config_dir())).write_text(text)
    monkeypatch.setenv("VEGA_HW_CONFIG", str(folder))
    monkeypatch.setattr(placements, "_MOST_DRAWS", 50)
    placements._draws.cache_clear()
    try:
        with pytest.raises(ValueError, match="none of 50 seeds after 7 lays the laptop into row 1"):
            placements.seed_for("close_laptop", "easy", GridCell(1, 1), after=7)
    finally:
        placements._draws.cache_clear()

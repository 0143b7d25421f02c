"""Which scenes a session in the twin plays."""

from collections import Counter

from vega_eval.placements import consecutive, spread
from vega_sim.placements import placement_of

import hw_config

TASK = hw_config.load_task("close_laptop")
CELLS = 9


def seeds(placements):
    return [placement.seed for placement in placements]


def test_consecutive_seeds_lie_where_they_lie():
    planned = consecutive(TASK, "easy", 3, 5)
    assert seeds(planned) == [5, 6, 7]
    assert planned[0].spot == tuple(vars(placement_of("close_laptop", "easy", 5)).values())
    assert planned[0].description.startswith("seed 5: laptop: ")


def test_spread_covers_every_cell_before_one_comes_twice():
    planned = spread(TASK, "easy", 2 * CELLS, 0)
    cells = [placement.cell for placement in planned]
    assert len(set(cells[:CELLS])) == len(set(cells[CELLS:])) == CELLS
    assert len(set(seeds(planned))) == 2 * CELLS


def test_fewer_trials_than_cells_are_in_different_cells():
    assert max(Counter(p.cell for p in spread(TASK, "easy", 5, 3)).values()) == 1


def test_the_same_seed_plans_the_same_and_a_longer_session_begins_alike():
    assert spread(TASK, "easy", 12, 1)[:4] == spread(TASK, "easy", 4, 1)


def test_sessions_of_other_seeds_have_other_scenes_so_that_they_can_be_pooled():
    assert not set(seeds(spread(TASK, "easy", 20, 0))) & set(seeds(spread(TASK, "easy", 20, 1)))


def test_a_task_without_a_grid_has_consecutive_seeds():
    bare = TASK.model_copy(update={"placement": None})
    assert seeds(spread(bare, "easy", 2, 0)) == [0, 1]
    assert spread(bare, "easy", 1, 0)[0].cell is None

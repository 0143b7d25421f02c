"""Which placement comes next, by hand and in the twin."""

from __future__ import annotations

from types import SimpleNamespace

from vega_teleop.staging import Seeds, by_hand, in_twin

import hw_config

TASK = hw_config.load_task("close_laptop")
CELLS = 9


def recorded(placement, outcome="success"):
    return SimpleNamespace(task="close_laptop", outcome=outcome, placement=placement)


def test_by_hand_every_cell_comes_once_before_one_comes_twice():
    plan, infos = by_hand(TASK, "easy"), []
    for _ in range(2 * CELLS):
        infos.append(recorded(plan(infos)))
    cells = [tuple(info.placement["cell"]) for info in infos]
    assert len(set(cells[:CELLS])) == CELLS
    assert sorted(cells[:CELLS]) == sorted(cells[CELLS:])
    assert "laptop: " in infos[0].placement["description"]
    assert infos[0].placement["seed"] is None


def test_a_task_without_a_grid_has_no_plan():
    assert by_hand(TASK.model_copy(update={"placement": None}), "easy")([]) is None


def test_in_the_twin_seeds_cover_the_cells_and_none_comes_twice():
    seeds, infos = Seeds(TASK, "easy", 5), []
    for _ in range(CELLS):
        seed = seeds.next(infos)
        assert seed >= 5
        infos.append(recorded(in_twin(TASK, "easy", seed)))
    assert len({tuple(info.placement["cell"]) for info in infos}) == CELLS
    again = Seeds(TASK, "easy", 5).next(infos)
    assert again not in {info.placement["seed"] for info in infos}


def test_a_seed_that_failed_is_not_tried_again():
    seeds = Seeds(TASK, "easy", 0)
    assert len({seeds.next([]) for _ in range(4)}) == 4


def test_what_the_twin_has_placed_is_told_with_its_seed():
    placed = in_twin(TASK, "easy", 6)
    assert placed["seed"] == 6
    assert str(placed["description"]).startswith("seed 6: laptop: ")
    assert len(placed["spot"]) == 3


def test_without_a_grid_seeds_just_rise():
    bare = TASK.model_copy(update={"placement": None})
    seeds = Seeds(bare, "easy", 3)
    assert [seeds.next([]) for _ in range(2)] == [3, 4]
    assert in_twin(bare, "easy", 3)["description"] == "seed 3"

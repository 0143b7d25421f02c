from collections import Counter
from functools import partial

import pytest
from vega_eval import placements as planning

import hw_config

LAPTOP = hw_config.load_task("close_laptop")


def test_placements_by_hand_cover_every_cell_alike_and_say_where_to_put_things():
    placements = planning.by_hand(LAPTOP, "easy", 0, 18)
    assert set(Counter(p.cell for p in placements).values()) == {2}
    assert len({p.spot for p in placements}) == 18
    assert all(p.seed is None and "row from the robot" in p.description for p in placements)
    assert placements == planning.by_hand(LAPTOP, "easy", 0, 18)
    assert placements != planning.by_hand(LAPTOP, "easy", 1, 18)


def test_a_task_without_a_grid_is_laid_as_its_description_says():
    free = LAPTOP.model_copy(update={"placement": None})
    placements = planning.by_hand(free, "easy", 0, 3)
    assert [p.description for p in placements] == [LAPTOP.description] * 3


@pytest.mark.parametrize("robot", ["sim", "emulated", "real"])
def test_without_a_twin_only_the_real_robot_can_be_laid_for(robot, monkeypatch):
    monkeypatch.setattr(planning, "find_spec", lambda name: None)
    planned = planning.placements_for(LAPTOP, "easy", robot, 0)
    by_hand = isinstance(planned, partial) and planned.func is planning.by_hand
    assert by_hand == (robot == "real")

"""Placements: least covered first, the same again with the same seed, told in a sentence."""

import json
from types import SimpleNamespace

import pytest

import hw_config
from teleop.placements import Grid, GridCell, Spot


@pytest.fixture
def grid():
    return Grid(hw_config.load_task("close_laptop"), "easy")


def episode(cell, outcome="success", task="close_laptop", variant="easy"):
    placement = {"variant": variant, "cell": cell}
    return SimpleNamespace(task=task, outcome=outcome, placement=placement)


def grids():
    for name in hw_config.task_names():
        task = hw_config.load_task(name)
        for variant in task.variants:
            yield Grid(task, variant)


def play(grid, episodes, seed=0):
    counts = dict.fromkeys(grid.cells, 0)
    order = []
    for _ in range(episodes):
        order.append(grid.next_cell(counts, seed))
        counts[order[-1]] += 1
    return order, counts


def test_a_hundred_demonstrations_cover_every_cell_alike():
    for grid in grids():
        _, counts = play(grid, 100)
        assert max(counts.values()) - min(counts.values()) == 1


def test_the_order_is_seeded_and_another_one_in_every_round(grid):
    order, _ = play(grid, 27)
    assert order == play(grid, 27)[0]
    assert order != play(grid, 27, seed=1)[0]
    assert order[:9] != order[9:18] != order[18:]


def test_a_session_that_is_taken_up_again_goes_on_in_the_same_order(grid):
    order, _ = play(grid, 20)
    saved = [episode([*cell]) for cell in order[:13]]
    assert grid.next_cell(grid.counts(saved)) == order[13]


def test_failures_other_tasks_and_other_variants_do_not_cover_a_cell(grid):
    counts = grid.counts(
        [
            episode([1, 2]),
            episode([1, 2], outcome="unjudged"),
            episode([1, 2], outcome="failure"),
            episode([1, 2], task="handover_cucumber"),
            episode([1, 2], variant="hard"),
            episode([9, 9]),
            episode("anywhere"),
            SimpleNamespace(task="close_laptop", outcome="success", placement=None),
        ]
    )
    assert counts == {cell: 2 * (cell == (1, 2)) for cell in grid.cells}


def test_rows_count_from_the_robot_and_columns_from_the_left(grid):
    near, far = grid.region.x
    right, left = grid.region.y
    assert grid.cell_of(Spot(near, left)) == GridCell(1, 1)
    assert grid.cell_of(Spot(far, right)) == GridCell(3, 3)
    assert grid.cell_of(Spot(near - 0.01, left)) is None
    assert grid.cell_of(Spot(near, left + 0.01)) is None
    (x0, x1), (y0, y1) = grid.bounds(GridCell(1, 3))
    assert (x0, y0) == (near, pytest.approx(right))
    assert (x1 - x0, y1 - y0) == pytest.approx(((far - near) / 3, (left - right) / 3))


def test_every_spot_lies_in_its_cell_and_turns_within_range():
    for grid in grids():
        for cell in grid.cells:
            spots = [grid.spot(cell, time) for time in range(12)]
            assert {grid.cell_of(spot) for spot in spots} == {cell}
            assert spots == [grid.spot(cell, time) for time in range(12)]
            assert len(set(spots)) > 1 or grid.region.yaw_deg is None
            for spot in spots:
                if grid.region.yaw_deg is None:
                    assert spot.yaw_deg is None
                    continue
                turned = spot.yaw_deg - 180 * (spot.yaw_deg > 90)
                assert grid.region.yaw_deg[0] <= turned <= grid.region.yaw_deg[1]


def test_the_prompt_says_where_and_how(grid):
    text = grid.prompt(GridCell(2, 3), Spot(0.52, -0.18, -10))
    assert text == (
        "laptop: 2nd row from the robot, 3rd from the left: x 0.52 m, y -0.18 m, hinge away from "
        "the robot, about 10 degrees clockwise; screen opened 85 to 115 degrees"
    )
    assert "1st row" in grid.prompt(GridCell(1, 1), Spot(0.47, -0.1, 0.2))
    assert "robot, straight;" in grid.prompt(GridCell(1, 1), Spot(0.47, -0.1, 0.2))


def test_a_thing_that_lies_the_other_way_round_is_told_so():
    grid = Grid(hw_config.load_task("handover_cucumber"), "easy")
    text = grid.prompt(GridCell(1, 1), Spot(0.52, -0.24, 170.0))
    assert "about 10 degrees clockwise, then the other way round;" in text
    text = grid.prompt(GridCell(1, 1), Spot(0.52, -0.24, -170.0))
    assert "about 10 degrees anticlockwise, then the other way round;" in text


def test_of_two_alike_things_the_prompt_names_the_one_that_is_meant():
    grid = Grid(hw_config.load_task("carrots_to_bowls"), "easy")
    text = grid.prompt(GridCell(1, 1), grid.spot(GridCell(1, 1), 0))
    assert text.startswith("left carrot: ")
    assert "the right carrot within 4 cm of" in text


def test_the_next_placement_follows_from_the_episodes_that_are_there(grid):
    infos = []
    for _ in range(18):
        placement = grid.next_placement(infos)
        infos.append(SimpleNamespace(task=grid.task, outcome="success", placement=placement))
    assert set(grid.counts(infos).values()) == {2}
    assert placement["seed"] is None
    assert len({tuple(info.placement["spot"]) for info in infos}) == 18
    assert json.loads(json.dumps(placement)) == placement


def test_what_an_episode_keeps_leads_back_to_its_cell(grid):
    kept = grid.record(GridCell(3, 1), Spot(0.55, -0.1, 4), seed=17)
    info = SimpleNamespace(task="close_laptop", outcome="success", placement=kept)
    assert grid.cell_of_episode(info) == GridCell(3, 1)
    assert kept["seed"] == 17
    assert "3rd row" in kept["description"]


def test_an_unknown_variant_cell_or_a_task_without_grid_is_named(grid):
    task = hw_config.load_task("close_laptop")
    with pytest.raises(hw_config.ConfigError, match=r"no variant 'medium'; use one of: easy, hard"):
        Grid(task, "medium")
    with pytest.raises(ValueError, match=r"3 rows and 3 columns.*got row 4, column 1"):
        grid.bounds(GridCell(4, 1))
    with pytest.raises(hw_config.ConfigError, match="has no grid of placements; add `placement`"):
        Grid(task.model_copy(update={"placement": None}), "easy")


def test_there_is_no_minus_before_a_zero():
    assert Spot(0.6, -0.004).where == "x 0.60 m, y 0.00 m"

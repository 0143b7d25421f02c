"""Coverage: the drawing shows what the table says, and the command writes it for each task."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import hw_config
from teleop import coverage
from teleop.placements import Grid, GridCell

LAPTOP = hw_config.load_task("close_laptop")
# Pixels in the lower right corner of the lower left and the upper right cell of the enlarged grid.
FIRST, LAST = (400, 690), (85, 940)
WHITE = (255, 255, 255)


def episode(cell, outcome="success", variant="easy", task=LAPTOP):
    grid = Grid(task, variant)
    placement = grid.record(cell, grid.spot(cell, 0), seed=4)
    return SimpleNamespace(task=task.name, outcome=outcome, placement=placement)


def pixels(infos, task=LAPTOP):
    return np.array(Image.open(io.BytesIO(coverage.drawing(infos, task))))


def test_a_cell_is_coloured_once_it_is_covered():
    assert tuple(pixels([])[FIRST]) == tuple(pixels([])[LAST]) == WHITE
    near_left = pixels([episode(GridCell(1, 1))])
    assert tuple(near_left[FIRST]) != WHITE
    assert tuple(near_left[LAST]) == WHITE
    far_right = pixels([episode(GridCell(3, 3))])
    assert tuple(far_right[FIRST]) == WHITE
    assert tuple(far_right[LAST]) != WHITE


def test_a_failure_is_drawn_but_covers_nothing():
    empty, failed = pixels([]), pixels([episode(GridCell(1, 1), outcome="failure")])
    assert tuple(failed[FIRST]) == WHITE
    red = np.array([200, 40, 40])
    assert (np.abs(failed.astype(int) - red).max(axis=2) < 20).sum() > 2 * 20
    assert not (np.abs(empty[: failed.shape[0] - 30].astype(int) - red).max(axis=2) < 20).any()


def test_every_variant_that_has_episodes_has_its_panel():
    one, two = (
        pixels([episode(GridCell(1, 1))]),
        pixels([episode(GridCell(1, 1)), episode(GridCell(4, 4), variant="hard")]),
    )
    assert two.shape == (2 * one.shape[0], *one.shape[1:])


@pytest.mark.parametrize("name", hw_config.task_names())
def test_every_task_can_be_drawn(name):
    task = hw_config.load_task(name)
    infos = [
        episode(cell, variant=variant, task=task)
        for variant in task.variants
        for cell in Grid(task, variant).cells
    ]
    assert pixels(infos, task).shape == (940, 1000, 3)


def test_the_table_has_the_far_row_first_and_the_left_column_first():
    infos = [episode(GridCell(3, 1))] * 2 + [
        episode(GridCell(1, 3)),
        episode(GridCell(2, 2), "failure"),
    ]
    infos.append(SimpleNamespace(task="close_laptop", outcome="success", placement=None))
    title, far, middle, near, _ = coverage.table(infos, LAPTOP).splitlines()
    assert title == (
        "close_laptop, easy, laptop: 3 episodes, 2 of 9 cells, 0 to 2 a cell, 1 failed, "
        "1 without a cell"
    )
    assert far.split()[-3:] == ["2", "0", "0"]
    assert middle.split()[-3:] == ["0", "0", "0"]
    assert near.split()[-3:] == ["0", "0", "1"]


def test_the_command_draws_every_task_of_a_dataset(monkeypatch, tmp_path, capsys):
    cucumber = hw_config.load_task("handover_cucumber")
    infos = [episode(GridCell(1, 1)), episode(GridCell(2, 2), task=cucumber)]
    monkeypatch.setattr("teleop.coverage.read_infos", lambda folder: infos)
    assert coverage.main([str(tmp_path)]) == 0
    written = sorted((tmp_path / "coverage").iterdir())
    assert [file.name for file in written] == ["close_laptop.png", "handover_cucumber.png"]
    assert "handover_cucumber, easy, cucumber: 1 episode, 1 of 9 cells" in capsys.readouterr().out
    assert coverage.main([str(tmp_path), "--task", "flowers_to_vase", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "flowers_to_vase.png").is_file()


def test_wrong_use_is_told_in_a_sentence(monkeypatch, tmp_path, capsys):
    assert coverage.main([str(tmp_path / "typo")]) == 2
    assert "error: " in capsys.readouterr().err
    monkeypatch.setattr("teleop.coverage.read_infos", lambda folder: [])
    assert coverage.main([str(tmp_path)]) == 2
    assert "no episodes yet; give --task" in capsys.readouterr().err
    assert coverage.main([str(tmp_path), "--task", "close_laptp"]) == 2
    assert "Did you mean close_laptop?" in capsys.readouterr().err

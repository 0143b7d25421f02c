"""What people give by mistake: they read what it is and what to do, and never a traceback."""

import subprocess
import sys

import pytest

from teleop.check import main as check
from teleop.convert.__main__ import main as convert
from teleop.export.__main__ import main as export
from teleop.repair.__main__ import main as repair
from teleop.report.__main__ import main as report
from teleop.tests.episodes import make_episode, open_store


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    """A folder with a dataset, and what exports and conversions made of it."""
    folder = tmp_path_factory.mktemp("cell")
    with open_store(folder / "recorded") as store:
        make_episode(store, 1.2)
    for form in ("lerobot", "hdf5"):
        command = [str(folder / "recorded"), "--format", form, "--workers", "1"]
        assert export([*command, "--out", str(folder / form)]) == 0
    command = [str(folder / "hdf5"), str(folder / "converted"), "--from", "cobot_magic"]
    assert convert([*command, "--task", "close_laptop", "--workers", "1"]) == 0
    (folder / "bag").mkdir()
    (folder / "bag" / "metadata.yaml").touch()
    (folder / "file").touch()
    (folder / "empty").mkdir()
    return folder


READERS = {
    "check": check,
    "report": report,
    "repair": repair,
    "export": lambda given: export([*given, "--format", "hdf5", "--out", "/nowhere/out"]),
}
GIVEN = {
    "empty": "give the folder that was recorded",
    "file": "it is a file, no folder",
    "nowhere": "it does not exist",
    "recorded/episodes": "give {cell}/recorded",
    "recorded/episodes/000000": "give {cell}/recorded",
    "lerobot": "python -m teleop.check {cell}/recorded",
    "converted": "python -m vega_policy.train --recipe RECIPE --dataset {cell}/converted --out",
    "hdf5": "python -m teleop.convert {cell}/hdf5 OUT --from cobot_magic --task TASK",
    "bag": "python -m teleop.convert {cell}/bag OUT --from rosbag2 --task TASK --topics FILE",
    ".": "give one, such as {cell}/recorded",
}


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_dataset_is_named_with_what_to_do(reader, given, cell, capsys):
    assert READERS[reader]([str(cell / given)]) == 2
    said = capsys.readouterr().err
    assert "is no dataset of recordings: " in said
    assert GIVEN[given].format(cell=cell) in said


def test_an_export_of_followers_converts_without_a_word_about_actions(cell, tmp_path, capsys):
    """There is no other action in it."""
    command = [str(cell / "hdf5"), str(tmp_path / "out"), "--from", "cobot_magic"]
    assert convert([*command, "--task", "close_laptop", "--workers", "1"]) == 0
    assert "action: the follower's next position, because" in capsys.readouterr().err
    command[1] = str(tmp_path / "other")
    assert convert([*command, "--task", "close_laptop", "--action", "leader"]) == 1
    assert "give --action follower" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["recorded", "recorded/out", "recorded/episodes/000007"])
def test_an_output_within_the_source_is_refused(out, cell, capsys):
    assert export([str(cell / "recorded"), "--format", "hdf5", "--out", str(cell / out)]) == 2
    assert "lies within" in capsys.readouterr().err
    assert not (cell / "recorded" / "out").exists()


@pytest.mark.parametrize("main", [check, report])
def test_a_result_that_cannot_be_written_is_refused_before_the_work(main, cell, capsys):
    option = "--json" if main is check else "--out"
    for file in (cell / "nowhere" / "x", cell / "empty", cell / "file" / "x", "/dev/null"):
        assert main([str(cell / "recorded"), option, str(file), "--workers", "1"]) == 2
    assert "episodes" not in capsys.readouterr().err


@pytest.mark.parametrize("task", ["", " "])
def test_a_task_without_a_name_is_refused(task, cell, tmp_path):
    command = [str(cell / "hdf5"), str(tmp_path / "out"), "--from", "cobot_magic"]
    with pytest.raises(SystemExit) as error:
        convert([*command, "--task", task])
    assert error.value.code == 2


def test_a_dataset_that_may_not_be_read_says_so(cell, monkeypatch, capsys):
    def refused(*_):
        raise PermissionError(13, "Permission denied", "episodes")

    monkeypatch.setattr("teleop.dataset.layout.numbered", refused)
    for reader in (check, report, repair):
        assert reader([str(cell / "recorded")]) == 2
    assert export([str(cell / "recorded"), "--format", "hdf5", "--out", str(cell / "x")]) == 2
    assert capsys.readouterr().err.count("Permission denied") == 4


def test_the_command_lines_end_without_a_traceback(cell):
    for module in ("check", "report", "repair"):
        command = [sys.executable, "-m", f"teleop.{module}", str(cell / "file")]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 2
        assert len(ended.stderr.splitlines()) == 1

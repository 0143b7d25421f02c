"""LeRobot datasets that cannot be trained on: a sentence says what is wrong and what to do."""

import json
import os
import sys

import h5py
import numpy as np
import pytest

import hw_config
from vega_policy import train
from vega_policy.data import frames
from vega_policy.data.plan import open_datasets
from vega_policy.errors import DatasetError
from vega_policy.recipe import load_recipe, models_dir
from vega_policy.tests.lerobot_files import (
    COLOURS,
    STEPS,
    camera_image,
    key,
    numbers,
    write_lerobot,
    write_video,
)
from vega_policy.tests.synthetic import SMALL
from vega_policy.tokenizer import InstructionTokenizer

NAMES = list(hw_config.load().joint_names)
VIDEO = f"videos/{key('cam_high')}/chunk-000/file-000.mp4"
DATA = "data/chunk-000/file-000.parquet"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"


def refusal(folder, *overrides, recipe="twin_oft"):
    chosen = load_recipe(recipe, [*SMALL, *overrides])
    tokenizer = InstructionTokenizer(models_dir() / chosen.tokenizer, chosen.instruction_template)
    with pytest.raises(DatasetError) as caught:
        open_datasets(folder, chosen, tokenizer, [].append)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def changed(values, column, value):
    values = values.copy()
    values[3, column] = value
    return values


def vector(names):
    return {"dtype": "float32", "shape": [14], "names": names}


@pytest.mark.parametrize(
    ("what", "messages"),
    [
        ({"info": {"codebase_version": "v2.1"}}, ["format v2.1, expected v3.0", "--from lerobot"]),
        ({"info": {"fps": 30}}, ["30 steps a second", "control_hz is 25", "--fps 25"]),
        ({"info": {"fps": "fast"}}, ["info.json is malformed: fps"]),
        ({"info": {"total_episodes": 3}}, ["lists 2 episodes, info.json says 3"]),
        ({"info": {"data_path": "{nothing}"}}, ["is malformed (KeyError('nothing'))"]),
        (
            {"names": NAMES[7:] + NAMES[:7]},
            ["observation.state has another order: right_joint1,", "expected 14: left_joint1,"],
        ),
        (
            {"features": {"action": vector([*NAMES[:13], "left_gripper"])}},
            ["action has other names or order: left_joint1,", "expected 14: left_joint1,"],
        ),
        ({"names": NAMES[:7]}, ["has 7 values: left_joint1,", "expected 14: left_joint1,"]),
        ({"features": {"action": vector(None)}}, ["action has 14 values without names"]),
        ({"features": {"action": None}}, ["has no action: expected 14 values a step"]),
        (
            {"features": {key("cam_high"): None}},
            ["has no observation.images.cam_high (camera head", "only observation.images.cam_left"],
        ),
        (
            {"features": {key("cam_high"): {"dtype": "image", "shape": [96, 128, 3]}}},
            ["cam_high is stored as image, expected video"],
        ),
        (
            {"state": {1: changed(numbers(1), 13, 0.9)}},
            ["episode_000001: right_gripper of the state goes from", "to 0.9, expected", "metres"],
        ),
        (
            {"state": {1: changed(numbers(1), 6, -0.4)}},
            ["left_gripper of the state goes from -0.4"],
        ),
        (
            {"state": {1: np.degrees(numbers(1)) * (np.arange(14) % 7 != 6)}},
            ["left_joint", "the arm from", "expected radians of this robot's joints"],
        ),
        (
            {"state": {1: changed(numbers(1), 2, np.nan)}},
            ["episode_000001: state holds non-finite"],
        ),
        ({"size": (96, 96)}, ["images are 96x96, expected the shape of camera head, 640x480"]),
        ({"video_fps": 50}, ["has 50 images a second, expected 25"]),
        ({"tasks": {1: [4] * STEPS}}, ["episode 1 has the task 4, which tasks.parquet lacks"]),
        (
            {"columns": {"frame_index": [0] * 2 * STEPS}},
            ["episode 0 has 12 steps, expected 0 to 11"],
        ),
        ({"columns": {"timestamp": np.arange(2 * STEPS) / 30}}, ["step 2 has the time 0.067 s"]),
        ({"columns": {"action": [[0.0] * 13] * 2 * STEPS}}, ["damaged (312 numbers in 24 steps"]),
        ({"rows": {"success": [False, False]}}, ["none of 2 episodes succeeded"]),
    ],
)
def test_what_does_not_fit_the_robot_or_itself(tmp_path, what, messages):
    error = refusal(write_lerobot(tmp_path, 2, **what))
    for message in messages:
        assert message in error


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("meta/info.json", "is missing: the dataset was not copied or written to its end"),
        ("meta/tasks.parquet", "is missing"),
        (EPISODES, "holds no parquet file"),
        (DATA, "is missing"),
        (VIDEO, "is missing"),
    ],
)
def test_a_file_that_is_missing(tmp_path, name, message):
    folder = write_lerobot(tmp_path, 2)
    (folder / name).unlink()
    error = refusal(folder)
    assert message in error
    assert str(folder / name).removesuffix("/chunk-000/file-000.parquet") in error


@pytest.mark.parametrize("name", ["meta/info.json", "meta/tasks.parquet", EPISODES, DATA, VIDEO])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_file_that_was_cut_short(tmp_path, name, share):
    folder = write_lerobot(tmp_path, 2)
    path = folder / name
    os.truncate(path, int(path.stat().st_size * share))
    error = refusal(folder)
    assert str(path) in error
    assert "damaged" in error or "no readable video" in error


def test_a_video_that_ends_too_early(tmp_path):
    folder = write_lerobot(tmp_path / "two", 2)
    short = write_lerobot(tmp_path / "one", 1)
    (short / VIDEO).replace(folder / VIDEO)
    error = refusal(folder)
    assert f"{folder / VIDEO} ends before 0.960 s" in error


def test_a_video_whose_end_is_lost_though_its_index_is_at_the_front(tmp_path):
    folder = write_lerobot(tmp_path, 2)
    path = folder / VIDEO
    shown = [camera_image("cam_high", step) for step in range(STEPS)] * 2
    write_video(path, shown, movflags="faststart")
    os.truncate(path, path.stat().st_size * 3 // 4)
    error = refusal(folder)
    assert str(path) in error
    assert "ends before" in error or "no readable video" in error


def test_a_column_that_is_missing(tmp_path):
    folder = write_lerobot(tmp_path, 2)
    (folder / "meta/tasks.parquet").replace(folder / DATA)
    write_lerobot(tmp_path / "other", 1)
    (tmp_path / "other/meta/tasks.parquet").replace(folder / "meta/tasks.parquet")
    assert "lacks observation.state, action" in refusal(folder)


def test_the_twins_teacher_needs_what_is_not_there(tmp_path):
    folder = write_lerobot(tmp_path, 2)
    error = refusal(folder, recipe="twin_close_laptop")
    assert "take twin_oft (the same policy without alignment)" in error
    assert "vega, " in error
    assert "twin_vega" not in error


@pytest.mark.parametrize(
    ("module", "message"),
    [("pyarrow", "needs pyarrow: pip install 'pyarrow>=17'"), ("av", "needs PyAV: pip install")],
)
def test_a_package_that_is_not_installed(tmp_path, monkeypatch, module, message):
    folder = write_lerobot(tmp_path, 2)
    monkeypatch.setitem(sys.modules, module, None)
    assert message in refusal(folder)


def test_a_disk_that_is_too_small(tmp_path, monkeypatch):
    folder = write_lerobot(tmp_path, 2)
    usage = frames.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(frames.shutil, "disk_usage", lambda path: usage._replace(free=100_000))
    error = refusal(folder)
    assert "24 x 3 images of 28x28 takes 0.2 MB, 0.1 MB are free below" in error
    assert "data.image_every=2" in error
    assert list((folder / ".cache").iterdir()) == []


def test_folders_that_need_another_step_first(tmp_path):
    (tmp_path / "dataset.yaml").write_text("format: 1\n")
    assert "python -m teleop.export" in refusal(tmp_path)
    (tmp_path / "dataset.yaml").unlink()
    (tmp_path / "recording.mcap").touch()
    assert "OUT --from rosbag2 --task TASK --fps 25 --topics topics.yaml)" in refusal(tmp_path)
    (tmp_path / "data").mkdir()
    for group, source in (
        ("observations", "cobot_magic --task TASK --fps 25)"),
        ("joint_action", "robotwin --task TASK --fps 25 --gripper-scale M)"),
    ):
        with h5py.File(tmp_path / "data" / "episode0.hdf5", "w") as file:
            file.create_group(group)
        assert f"OUT --from {source} and train on OUT" in refusal(tmp_path)
    (tmp_path / "data" / "episode0.hdf5").write_bytes(b"torn")
    assert "--from cobot_magic" in refusal(tmp_path)


def test_the_command_says_it_and_ends_with_2(tmp_path, capsys, on_the_cpu):
    folder = write_lerobot(tmp_path / "dataset", 2, info={"fps": 30})
    command = ["--recipe", "twin_oft", "--dataset", str(folder), "--out", str(tmp_path / "run")]
    assert train.main([*command, *SMALL]) == 2
    assert capsys.readouterr().err.startswith(f"error: {folder} has 30 steps a second")


def test_a_provenance_that_is_damaged_or_of_others(tmp_path):
    folder = write_lerobot(tmp_path, 2)
    (folder / "meta/provenance.json").write_text(json.dumps({"who": "others"}))
    assert "2 of 2 episodes held out" in refusal(folder, "data.validation_episodes=2")
    (folder / "meta/provenance.json").write_text("{")
    assert "provenance.json is damaged" in refusal(folder)


def test_all_cameras_are_known_here():
    assert list(COLOURS) == [camera.dataset_key for camera in hw_config.load().cameras.values()]


def test_a_part_of_a_video_that_has_not_an_image_a_step(tmp_path):
    key_of_head = f"videos/{key('cam_high')}/"
    spans = {key_of_head + "from_timestamp": [0.04], key_of_head + "to_timestamp": [0.80]}
    folder = write_lerobot(tmp_path, 1, rows=spans)
    assert f"{(0.80 - 0.04) * 25:.2f} images at 25 a second for {STEPS} steps" in refusal(folder)

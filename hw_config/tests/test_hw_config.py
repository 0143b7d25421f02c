"""hw_config refuses what cannot be, by file and line."""

import shutil
from pathlib import Path

import pytest

import hw_config

SOURCE = Path(hw_config.__file__).parent


@pytest.fixture
def cell(tmp_path):
    """A copy of the shipped cell to spoil."""
    for name in ("arms", "cameras", "limits", "rates"):
        shutil.copy(SOURCE / f"{name}.yaml", tmp_path)
    shutil.copytree(SOURCE / "tasks", tmp_path / "tasks")
    return tmp_path


def spoil(file: Path, old: str, new: str) -> int:
    """Replaces the first `old`; returns its line."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def test_the_shipped_cell_is_valid():
    hardware = hw_config.load()
    assert hardware.joint_names[0] == "left_joint1"
    assert hardware.joint_names[6] == "left_gripper"
    assert hardware.joint_names[13] == "right_gripper"
    assert len(hardware.limits.lower) == len(hardware.limits.velocity) == 14
    assert list(hardware.cameras) == ["head", "left_wrist", "right_wrist"]
    assert hardware.cameras["left_wrist"].frame_id == "left_wrist_camera_color_optical_frame"


def test_every_shipped_task_is_valid():
    assert "close_laptop" in hw_config.task_names()
    for name in hw_config.task_names():
        assert hw_config.load_task(name).instruction


def test_an_unknown_task_lists_the_valid_ones():
    with pytest.raises(hw_config.ConfigError, match=r"carrots_to_bowls, close_laptop.*mean close"):
        hw_config.load_task("close_laptp")


def test_a_cell_folder_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("VEGA_HW_CONFIG", str(tmp_path / "typo"))
    with pytest.raises(hw_config.ConfigError, match=r"VEGA_HW_CONFIG=.*typo: expected a copy"):
        hw_config.load_task("close_laptop")


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("rates.yaml", "gate_hz:", "gait_hz:", "gait_hz: unknown key"),
        ("rates.yaml", "control_hz: 25", "control_hz: 0", "control_hz: .*greater than 0"),
        ("limits.yaml", "2.6179, 3.14", "-3.0, 3.14", "not below upper limit"),
        ("limits.yaml", "[2.0, 2.0,", "[2.0,", "limits.velocity needs 7 values"),
        ("cameras.yaml", "model: D405", "model: D999", "cameras.left_wrist.model"),
        ("cameras.yaml", '"000000000002"', '"000000000001"', "serial used more than once"),
        ("cameras.yaml", "fps: 30", "fps: fast", "cameras.head.fps"),
        ("arms.yaml", "can: can_right", "can: can_left", "CAN interface used more than once"),
        ("arms.yaml", "home: [0.0, 0.9", "home: [0.0, 9.9", "home of left_joint2 is 9.9"),
        ("arms.yaml", "\narms:", "\narms: [", "not valid YAML"),
    ],
)
def test_a_mistake_is_named(cell, file, old, new, says):
    spoil(cell / file, old, new)
    with pytest.raises(hw_config.ConfigError, match=says):
        hw_config.load(cell)


def test_a_mistake_is_given_with_its_line(cell):
    line = spoil(cell / "rates.yaml", "control_hz: 25", "control_hz: -1")
    with pytest.raises(hw_config.ConfigError, match=rf"rates\.yaml:{line}: rates\.control_hz"):
        hw_config.load(cell)


def test_a_key_given_twice_is_refused(cell):
    with (cell / "rates.yaml").open("a") as file:
        file.write("control_hz: 50\n")
    with pytest.raises(hw_config.ConfigError, match="control_hz is given a second time"):
        hw_config.load(cell)


def test_a_missing_file_is_named(cell):
    (cell / "arms.yaml").unlink()
    with pytest.raises(hw_config.ConfigError, match=r"arms\.yaml: cannot be read"):
        hw_config.load(cell)

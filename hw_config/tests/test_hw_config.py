"""hw_config refuses what cannot be, by file and line."""

import re
import shutil
from pathlib import Path

import pytest

import hw_config

SOURCE = Path(hw_config.__file__).parent


@pytest.fixture
def cell(tmp_path):
    """A copy of the shipped cell to spoil."""
    for name in ("arms", "cameras", "limits", "rates", "recording", "workspace"):
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
        ("rates.yaml", "control_hz: 25", "control_hz: .inf", "control_hz: .*finite number"),
        ("limits.yaml", "2.6179, 3.14", "-3.0, 3.14", "not below upper limit"),
        ("limits.yaml", "[2.0, 2.0,", "[2.0,", "limits.velocity needs 7 values"),
        ("limits.yaml", "2.0944, 0.07]", "2.0944, 0.1]", "may open 0.1 m, but its stroke is 0.07"),
        ("limits.yaml", "jerk: [200.0,", "jerk: [0.0,", "limits.jerk.*greater than 0"),
        ("limits.yaml", "acceleration:", "accelerations:", "accelerations: unknown key"),
        ("recording.yaml", "jpeg_quality: 90", "jpeg_quality: 101", "less than or equal to 100"),
        ("recording.yaml", "max_delay_s:", "max_delay:", "max_delay: unknown key"),
        ("workspace.yaml", "floor_z: 0.75", "floor_z: 2.0", "lower corner .* is not below"),
        ("workspace.yaml", "forbidden:", "forbiden:", "forbiden: unknown key"),
        ("workspace.yaml", "0.42, 0.7775]", "0.42, 0.1]", "workspace.forbidden.stand"),
        ("cameras.yaml", "model: D405", "model: D999", "cameras.left_wrist.model"),
        (
            "cameras.yaml",
            '"000000000002"',
            '"000000000001"',
            "serial used more than once: 0+1, see",
        ),
        ("cameras.yaml", '"000000000002"', "000000000012", "write the serial number in quotes"),
        ("cameras.yaml", '"000000000002"', '"12 34"', "cameras.left_wrist.serial"),
        ("cameras.yaml", "fps: 30", "fps: fast", "cameras.head.fps"),
        ("cameras.yaml", "allow_usb2: false", "allow_usb2: 7", "cameras.head.allow_usb2"),
        ("cameras.yaml", "lock_exposure:", "lock_exposures:", "lock_exposures: unknown key"),
        ("cameras.yaml", "  head:", "  Neck:", "cameras.Neck.*: .*'head'"),
        ("cameras.yaml", "dataset_key: cam_high", "dataset_key: a/b", "cameras.head.dataset_key"),
        (
            "cameras.yaml",
            "namespace: left_wrist_camera",
            "namespace: head_camera",
            "namespace used more than once: head_camera, see cameras.head.namespace",
        ),
        ("arms.yaml", "can: can_right", "can: can_left", "CAN interface used more than once"),
        (
            "arms.yaml",
            "can: can_right",
            "can: can_of_the_right_arm",
            "arms.right.can: .*at most",
        ),
        ("arms.yaml", "can: can_right", "can: 1st", "arms.right.can: .*a letter, then letters"),
        ("limits.yaml", "after_s: 0.4", "after_s: 60", "limits.following.after_s"),
        ("limits.yaml", "lag_s: 0.15", "lag: 0.15", "limits.following.lag: unknown key"),
        ("arms.yaml", "home: [0.0, 0.9", "home: [0.0, 9.9", "home of left_joint2 is 9.9"),
        ("arms.yaml", "right_joint1", "left_joint1", "joint name used more than once"),
        ("arms.yaml", "stroke_m: 0.07", "stroke_m: 0.08", "grippers open 0.07 or 0.1 m, got 0.08"),
        ("arms.yaml", "mount: flat", "mount: ceiling", "arms.left.mount"),
        (
            "arms.yaml",
            "can: can_right",
            "can: b\n    leader_can: c",
            "drop the key, or set topology",
        ),
        ("arms.yaml", "shared_bus\ngrip", "bus_per_arm\ngrip", "arms.left: .*needs leader_can"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(cell, file, old, new, says):
    spoil(cell / file, old, new)
    with pytest.raises(hw_config.ConfigError, match=says) as error:
        hw_config.load(cell)
    for row in str(error.value).splitlines():
        assert re.match(rf"{re.escape(str(cell / file))}:\d+: ", row), row


def test_what_is_no_yaml_is_named(cell):
    spoil(cell / "arms.yaml", "\narms:", "\narms: [")
    with pytest.raises(hw_config.ConfigError, match=r"arms.yaml: not valid YAML"):
        hw_config.load(cell)


def test_what_yaml_can_parse_but_not_make_is_named_too(cell):
    spoil(cell / "arms.yaml", "\narms:", "\nextra: !!python/name:os.system\narms:")
    with pytest.raises(hw_config.ConfigError, match=r"arms.yaml: not valid YAML"):
        hw_config.load(cell)


def test_a_duplicate_is_blamed_on_the_second_with_a_pointer_to_the_first(cell):
    line = spoil(cell / "cameras.yaml", '"000000000003"', '"000000000001"')
    with pytest.raises(
        hw_config.ConfigError, match=rf"yaml:{line}: .*right_wrist.serial.* see cameras.head.serial"
    ):
        hw_config.load(cell)


def test_a_leader_may_have_a_bus_of_its_own(cell):
    spoil(cell / "arms.yaml", "\ntopology: shared_bus", "\ntopology: bus_per_arm")
    spoil(cell / "arms.yaml", "can: can_left", "can: can_left\n    leader_can: lead_left")
    line = spoil(cell / "arms.yaml", "can: can_right", "can: can_right\n    leader_can: lead_left")
    with pytest.raises(hw_config.ConfigError, match=rf"yaml:{line + 1}: .*used more than once"):
        hw_config.load(cell)
    spoil(cell / "arms.yaml", "can_right\n    leader_can: lead_left", "r\n    leader_can: lead")
    assert hw_config.load(cell).arms["right"].leader_can == "lead"


def test_one_camera_may_differ_from_what_holds_for_all(cell):
    head = "  head:\n"
    line = spoil(cell / "cameras.yaml", head, head + "    fps: 15\n    lock_exposure: true\n")
    cameras = hw_config.load(cell).cameras
    assert (cameras["head"].fps, cameras["left_wrist"].fps) == (15, 30)
    assert cameras["head"].lock_exposure
    assert not cameras["left_wrist"].lock_exposure
    spoil(cell / "cameras.yaml", "fps: 15", "fps: 0")
    with pytest.raises(hw_config.ConfigError, match=rf"yaml:{line + 1}: cameras.head.fps"):
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


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("x: [0.46, 0.56]", "x: [0.56, 0.46]", r"placement.regions.easy: .*x: 0.56 is not below"),
        ("rows: 3", "rows: 0", r"placement.regions.easy.rows: .*greater than or equal to 1"),
        ("yaw_deg", "yaw", r"placement.regions.easy.yaw: unknown key"),
        ("    hard:", "    tough:", r"expected one for each of easy, hard, got easy, tough"),
    ],
)
def test_a_mistake_in_a_grid_of_placements_is_named_with_its_line(cell, old, new, says):
    file = cell / "tasks" / "close_laptop.yaml"
    line = spoil(file, old, new)
    with pytest.raises(hw_config.ConfigError, match=says) as error:
        hw_config.load_task("close_laptop", cell)
    told = int(re.match(rf"{re.escape(str(file))}:(\d+): ", str(error.value))[1])
    assert told <= line


REAR = """cameras:
  rear:
    dataset_key: cam_rear
    model: D435
    serial: "000000000004"
    namespace: rear_camera
    parent: footprint
    xyz: [-0.3, 0.4, 1.2]
    rpy: [0.0, 0.6, -0.3]
    vertical_fov_deg: 50.0
    width: 320
    height: 240
"""


def test_cameras_of_any_name_keep_their_order_and_know_their_arm(cell):
    spoil(cell / "cameras.yaml", "cameras:\n", REAR)
    hardware = hw_config.load(cell)
    arms = {name: camera.arm for name, camera in hardware.cameras.items()}
    assert arms == {"rear": None, "head": None, "left_wrist": "left", "right_wrist": "right"}
    assert list(arms) == ["rear", "head", "left_wrist", "right_wrist"]
    assert hardware.overview_camera.name == "rear"
    assert (hardware.cameras["rear"].width, hardware.cameras["head"].width) == (320, 640)


def test_a_cell_without_cameras_is_refused(cell):
    text = (cell / "cameras.yaml").read_text()
    (cell / "cameras.yaml").write_text("cameras: {}\n" + text[text.index("\nwidth:") + 1 :])
    with pytest.raises(hw_config.ConfigError, match=r"yaml:1: cameras: .*at least one camera"):
        hw_config.load(cell)

"""The doctor as a whole: over the emulators, and on a machine without hardware."""

import json
import os
import signal
import subprocess
import sys
import time
from subprocess import PIPE

import pytest
from domains import leased_domain
from vega_arms import buses
from vega_arms.emulator import POSE, Emulator, Follower, Leader, Settings, SimpleArm
from vega_arms.emulator.faults import Fault
from vega_arms.emulator.leader import sweep
from vega_bringup.doctor import arm_survey, camera_survey, command, examination
from vega_bringup.doctor.findings import ok
from vega_cameras.emulation.devices import EmulatedDevices
from vega_cameras.emulation.pattern import Feeder, Pattern

import hw_config

HARDWARE = hw_config.load()
DOCTOR = [sys.executable, "-m", "vega_bringup.doctor.command"]
# What a slow computer may make of sound hardware.
BUSY = {"head: rate", "left_wrist: rate", "right_wrist: rate"}
BUSY |= {"can_left: stamps", "can_right: stamps", "disk: write speed", "disk: space"}


@pytest.fixture(scope="module", autouse=True)
def own_domain():
    """Nodes that other tests of this process have left to the garbage collector are not seen."""
    with leased_domain() as domain, pytest.MonkeyPatch.context() as changed:
        changed.setenv("ROS_DOMAIN_ID", str(domain))
        yield


def rows_of(file):
    return {row["check"]: row for row in json.loads(file.read_text())["rows"]}


def test_over_the_emulators_everything_is_looked_at_and_well(tmp_path, capsys):
    file = tmp_path / "found.json"
    recordings = str(tmp_path / "runs")
    command.run(["--robot", "emulated", "--json", str(file), "--recordings", recordings])
    rows = rows_of(file)
    failed = {name for name, row in rows.items() if row["state"] == "fail"}
    assert failed <= BUSY
    for check in (
        "can_left: leader",
        "can_right: limits",
        "can_left: gripper",
        "arms: same firmware",
        "head: device",
        "right_wrist: USB",
        "checkpoint",
        "ROS 2: nodes",
    ):
        assert rows[check]["state"] == "ok", rows[check]
    assert rows["can_left: firmware"]["found"] == "S-V1.8-8"
    assert "can_left: firmware" in capsys.readouterr().out


def test_without_hardware_the_real_robot_is_a_list_of_what_is_missing(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(arm_survey, "interface", lambda channel: arm_survey.Interface(False))
    file = tmp_path / "found.json"
    assert command.run(["--json", str(file), "--recordings", str(tmp_path)]) == 1
    rows = rows_of(file)
    assert rows["can_left: interface"]["state"] == "fail"
    assert "plug the USB-CAN adapter in" in rows["can_left: interface"]["remedy"]
    assert "no RealSense device" in rows["head: device"]["found"]
    assert all(row["remedy"] for row in rows.values() if row["state"] == "fail")
    printed = capsys.readouterr()
    assert "Not ready" in printed.out
    assert "Traceback" not in printed.out + printed.err


def test_a_driver_that_cannot_be_loaded_is_a_row(monkeypatch):
    def refuse(name):
        raise ImportError("No module named 'pyrealsense2'")

    monkeypatch.setattr(examination.importlib, "import_module", refuse)
    (row,) = examination._hardware("camera_survey", HARDWARE, "real")
    assert "pyrealsense2" in row.found
    assert "make setup" in row.remedy


def test_a_broken_cell_is_told_and_the_rest_is_looked_at(tmp_path, monkeypatch):
    (tmp_path / "tasks").mkdir()
    monkeypatch.setenv("VEGA_HW_CONFIG", str(tmp_path))
    areas = examination.examine("sim", tmp_path, tmp_path)
    assert "arms.yaml: cannot be read" in areas["cell"][0].found
    assert areas["computer"]


def test_a_folder_that_is_not_there_is_told_with_where_it_comes_from(tmp_path, monkeypatch):
    monkeypatch.setenv("VEGA_HW_CONFIG", str(tmp_path / "none"))
    areas = examination.examine("sim", tmp_path, tmp_path)
    (row,) = areas["cell"]
    assert "VEGA_HW_CONFIG" in row.found
    assert "unset it" in row.remedy
    space = areas["computer"][0].found
    assert "GB free" in space
    assert "min of episodes" not in space, "without cameras nobody knows"


def test_json_without_a_file_is_all_that_is_printed(capsys, monkeypatch):
    monkeypatch.setattr(examination, "examine", lambda *_: {"arms": [ok("a", "fine")]})
    assert command.run(["--json", "--robot", "sim"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"] is True


def test_an_output_that_is_full_is_an_error_without_a_traceback():
    with open("/dev/full", "w") as full:
        said = subprocess.run([*DOCTOR, "--robot", "sim"], stdout=full, stderr=PIPE, text=True)
    assert said.returncode == 2
    assert said.stderr == "error: standard output: cannot be written (No space left on device)\n"


def test_ctrl_c_ends_it_at_once_and_leaves_nothing(tmp_path):
    command_line = [*DOCTOR, "--robot", "emulated", "--recordings", str(tmp_path)]
    doctor = subprocess.Popen(command_line, stdout=PIPE, stderr=subprocess.STDOUT, text=True)
    # Its threads are there: it is at work.
    while len(os.listdir(f"/proc/{doctor.pid}/task")) < 4:
        assert doctor.poll() is None
        time.sleep(0.01)
    doctor.send_signal(signal.SIGINT)
    said, _ = doctor.communicate(timeout=60.0)
    assert (doctor.returncode, said) == (130, "")
    assert os.listdir(tmp_path) == []


def test_findings_that_cannot_be_written_are_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(examination, "examine", lambda *_: {})
    assert command.run(["--json", str(tmp_path / "no" / "file.json")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def survey_bus(channel, devices, fault=None):
    """What the doctor says of a bus with these devices, by check."""
    with Emulator(buses.open_bus("virtual", channel), devices) as emulator:
        emulator.inject(fault)
        heard, arm = arm_survey.listen(channel, lambda name: buses.open_bus("virtual", name))
    rows = arm_survey.judge(HARDWARE, "can_left", heard, arm)
    return {row.check.partition(": ")[2]: row for row in rows}


def follower(settings=None):
    return Follower(settings or Settings(), SimpleArm(POSE[:6], POSE[6], on_stand=True))


def test_a_leader_on_the_bus_is_seen():
    rows = survey_bus("doctor_leader", [follower(), Leader(sweep(POSE))])
    assert rows["follower"].found.startswith("feedback at")
    assert "unplug the leader" in rows["leader"].remedy


@pytest.mark.parametrize(
    ("fault", "check", "says"),
    [
        (Fault.LEADER_ROLE, "follower", "0x2A*"),
        (Fault.SILENCE, "bus load", "silent"),
        (Fault.BUS_OFF, "bus load", "bus-off"),
        (Fault.COLLISION, "arm state", "collision"),
        (Fault.LIMITS, "limits", "joint 2"),
    ],
)
def test_faults_of_an_emulated_arm_are_seen(fault, check, says):
    arm = follower()
    arm.enabled = [True] * 6  # an arm without power does not trip
    devices = [arm]
    if fault is Fault.LEADER_ROLE:
        devices.append(Leader(sweep(POSE)))
    rows = survey_bus(f"doctor_{fault.value}", devices, fault)
    assert rows[check].state.name in ("FAIL", "WARN"), rows
    assert says in rows[check].found


def test_a_gripper_of_the_other_size_is_seen():
    settings = Settings(firmware="S-V1.8-2")
    settings.gripper = settings.gripper._replace(stroke_mm=100)
    rows = survey_bus("doctor_gripper", [follower(settings)])
    assert "100 mm, hw_config 70" in rows["gripper"].found


def test_faults_of_emulated_cameras_are_seen():
    configs = list(HARDWARE.cameras.values())
    devices = EmulatedDevices(configs, {"right_wrist": "987654321"})
    devices.inject("camera_usb2", "left_wrist")
    feeders = [Feeder(c, Pattern(c.config)) for c in devices.cameras.values()]
    try:
        found = camera_survey.look_at(configs, devices)
    finally:
        for feeder in feeders:
            feeder.stop()
    assert found["head"].hz is not None
    assert found["left_wrist"].usb == "2.1"
    assert "987654321 (Intel RealSense D405)" in found["right_wrist"].problem

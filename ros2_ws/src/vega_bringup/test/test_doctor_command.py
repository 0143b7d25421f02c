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
from vega_arms.doctor import survey as arm_survey
from vega_bringup.doctor import command, examination

import hw_config
from vega_core.findings import ok

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
    monkeypatch.setattr(arm_survey, "interface", lambda channel: arm_survey.CanInterface(False))
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


def test_a_driver_that_cannot_be_loaded_is_a_row(tmp_path, monkeypatch):
    def refuse(name):
        raise ImportError("No module named 'pyrealsense2'")

    monkeypatch.setattr(examination.importlib, "import_module", refuse)
    subject = examination.Subject(HARDWARE, "real", tmp_path, tmp_path)
    (row,) = examination.SURVEYS.get("cameras")(subject)
    assert "pyrealsense2" in row.found
    assert "make setup" in row.remedy


def test_an_area_that_somebody_registers_is_looked_at(tmp_path):
    examination.SURVEYS.register("charger", lambda subject: [ok("charger", subject.robot)])
    try:
        areas = examination.examine("sim", tmp_path, tmp_path)
    finally:
        examination.SURVEYS.unregister("charger")
    assert areas["charger"] == [ok("charger", "sim")]


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

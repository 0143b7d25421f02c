"""What the doctor says about computer and ROS 2, sound and broken."""

import json
import socket
import threading

import pytest
from vega_bringup.doctor import machine_checks, machine_survey, stack_checks
from vega_bringup.doctor.examination import at_once
from vega_bringup.doctor.machine_checks import Disk, UsbNode
from vega_bringup.doctor.table import table, to_json

from vega_core.findings import Finding, Severity, fail, ok, passed, skip, warn

RAW = 83e6
GB = 1e9


def expect(row, state, *words):
    assert row.state is state, row
    for word in words:
        assert word in f"{row.found} {row.remedy}"
    assert state is Severity.SKIP or bool(row.remedy) == (state is not Severity.OK), row


@pytest.mark.parametrize(
    ("row", "state", "words"),
    [
        (
            machine_checks.space(Disk("d", 100 * GB), RAW),
            Severity.OK,
            ["100 GB free in d", "min"],
        ),
        (machine_checks.space(Disk("d", 5 * GB), RAW), Severity.WARN, ["delete"]),
        (machine_checks.space(Disk("d", 1 * GB), RAW), Severity.FAIL, ["delete"]),
        (
            machine_checks.space(Disk("d", problem="read-only"), RAW),
            Severity.FAIL,
            ["read-only"],
        ),
        (machine_checks.write_speed(Disk("d", GB, 500e6), RAW), Severity.OK, ["500 MB/s"]),
        (machine_checks.write_speed(Disk("d", GB, 50e6), RAW), Severity.WARN, ["compressed"]),
        (machine_checks.write_speed(Disk("d", GB, 5e6), RAW), Severity.FAIL, ["SSD"]),
        (machine_checks.space(Disk("d", 100 * GB), None), Severity.OK, ["100 GB free in d"]),
        (machine_checks.write_speed(Disk("d", GB, 5e6), None), Severity.OK, ["5 MB/s"]),
        (machine_checks.write_speed(Disk("d", GB, None), RAW), Severity.SKIP, ["measured"]),
        (machine_checks.clock(True), Severity.OK, []),
        (machine_checks.clock(False), Severity.WARN, ["chrony"]),
        (machine_checks.clock(None), Severity.SKIP, []),
        (machine_checks.preference(-20), Severity.OK, ["-20"]),
        (machine_checks.preference(20), Severity.WARN, ["nice -15", "limits.d"]),
        (
            machine_checks.usb_rights([UsbNode("D405", "/n", True)], False),
            Severity.OK,
            ["1 cameras"],
        ),
        (
            machine_checks.usb_rights([UsbNode("D405", "/n", False)], True),
            Severity.FAIL,
            ["D405 (/n)", "plugdev", "hw_config.naming"],
        ),
        (machine_checks.usb_rights([], True), Severity.OK, ["no camera is connected"]),
        (machine_checks.usb_rights([], False), Severity.WARN, ["udev rules"]),
        (machine_checks.dds("", False, False, None), Severity.WARN, ["source env.sh"]),
        (machine_checks.dds("/p.xml", False, False, None), Severity.FAIL, ["/p.xml"]),
        (machine_checks.dds("/p.xml", True, True, 212992), Severity.OK, ["this machine only"]),
        (
            machine_checks.dds("/p.xml", True, False, 212992),
            Severity.WARN,
            ["net.core.rmem_max"],
        ),
        (machine_checks.dds("/p.xml", True, False, 8 << 20), Severity.OK, ["/p.xml"]),
    ],
)
def test_the_computer(row, state, words):
    expect(row, state, *words)


def test_a_disk_is_measured_and_left_as_it_was(tmp_path):
    disk = machine_survey.measure_disk(tmp_path / "not" / "there" / "yet")
    assert disk.free > 0
    assert not disk.problem
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_told():
    assert machine_survey.measure_disk(machine_survey.Path("/proc/none")).problem


def test_device_files_of_cameras_are_found(tmp_path):
    device = tmp_path / "sys" / "bus" / "usb" / "devices" / "2-1"
    device.mkdir(parents=True)
    for name, text in {
        "idVendor": "8086",
        "idProduct": "0b5b",
        "speed": "5000",
        "busnum": "2",
        "devnum": "7",
    }.items():
        (device / name).write_text(f"{text}\n")
    (node,) = machine_survey.usb_nodes(tmp_path / "sys", tmp_path / "dev")
    assert (node.model, node.writable) == ("D405", False)
    assert node.file.endswith("dev/bus/usb/002/007")


def test_a_launch_that_runs_in_the_domain_is_found():
    assert not stack_checks.launch_runs("none-such")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind("\0vega-stack-none-such")
        assert stack_checks.launch_runs("none-such")
    expect(stack_checks.launches("7", True), Severity.WARN, "domain 7", "ROS_DOMAIN_ID")
    expect(stack_checks.launches("7", False), Severity.OK)


@pytest.mark.parametrize(
    ("nodes", "commanders", "state", "words"),
    [
        (["/gate", "/policy"], {"/left/follower/command": 1}, Severity.OK, ["2 in domain 7"]),
        (["/gate", "/gate"], {}, Severity.FAIL, ["there twice", "/gate"]),
        (
            ["/a", "/b"],
            {"/left/follower/command": 2},
            Severity.FAIL,
            ["/left/follower/command"],
        ),
    ],
)
def test_two_stacks_in_a_domain(nodes, commanders, state, words):
    expect(stack_checks.duplicates("7", nodes, commanders), state, *words)


@pytest.mark.parametrize("domain", ["kitchen", "-1", "233", "1.5"])
def test_a_domain_that_cannot_be_is_told(monkeypatch, domain):
    monkeypatch.setenv("ROS_DOMAIN_ID", domain)
    (row,) = stack_checks.survey()
    expect(row, Severity.FAIL, f"ROS_DOMAIN_ID={domain}", "0 to 232", "unset")


def test_a_ros_2_that_does_not_start_is_told_with_what_it_says(monkeypatch):
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_none_such")
    row = stack_checks.survey()[-1]
    expect(row, Severity.FAIL, "ROS 2 does not start", "rmw_none_such", "source env.sh")


def test_a_check_that_fails_or_hangs_is_a_row():
    release = threading.Event()

    def broken():
        raise KeyError("x")

    def hanging():
        release.wait()
        return []

    found = at_once({"a": broken, "b": hanging, "c": lambda: [ok("c", "fine")]}, 0.5)
    release.set()
    assert "KeyError" in found["a"][0].found
    assert found["b"][0].state is Severity.FAIL
    assert found["c"] == [ok("c", "fine")]


AREAS = {
    "arms": [ok("one", "fine"), fail("the second", "broken\n  - in two lines", "mend it " * 20)],
    "cameras": [warn("three", "so so", "look"), skip("four", "not here")],
}


def test_the_table_has_a_line_a_check_and_a_remedy_below_it():
    lines = table(AREAS, colour=False, width=80).splitlines()
    assert lines[0] == "arms"
    assert lines[1] == "  ok    one         fine"
    assert lines[2] == "  FAIL  the second  broken"
    assert lines[3].strip() == "- in two lines"
    assert lines[4].strip().startswith("-> mend it")
    assert max(map(len, lines)) <= 80
    assert lines[-1].startswith("Not ready: 1 failed, 1 warning, 1 ok.")
    assert "\x1b[31;1mFAIL\x1b[0m" in table(AREAS, colour=True, width=80)


def test_the_json_says_the_same():
    said = json.loads(to_json(AREAS, "real"))
    assert (said["robot"], said["passed"]) == ("real", False)
    assert said["rows"][2] == {
        "area": "cameras",
        "check": "three",
        "state": "warn",
        "found": "so so",
        "remedy": "look",
    }


def test_only_what_failed_keeps_the_robot_from_moving():
    assert passed([ok("a", ""), warn("b", "", ""), skip("c", "")])
    assert not passed([ok("a", ""), Finding("b", Severity.FAIL, "")])

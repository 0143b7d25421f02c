"""What the doctor says about cameras, sound and broken."""

import pytest
from vega_cameras.doctor import checks, survey
from vega_cameras.doctor.checks import CameraFacts
from vega_cameras.emulation.devices import EmulatedDevices
from vega_cameras.emulation.pattern import Feeder, Pattern

import hw_config
from vega_core.findings import Severity

HARDWARE = hw_config.load()
HEAD = HARDWARE.cameras["head"]


def expect(row, state, *words):
    assert row.state is state, row
    for word in words:
        assert word in f"{row.found} {row.remedy}"
    assert state is Severity.SKIP or bool(row.remedy) == (state is not Severity.OK), row


def camera(**changes):
    sound = {"found": True, "firmware": "5.16.0.1", "usb": "3.2", "port": "2-1", "hz": 30.0}
    return CameraFacts(**{**sound, "age_s": 0.01, **changes})


@pytest.mark.parametrize(
    ("check", "changes", "state", "words"),
    [
        (checks.device, {}, Severity.OK, ["D435", "000000000001", "2-1"]),
        (
            checks.device,
            {"problem": "head camera is not connected. Check its cable"},
            Severity.FAIL,
            ["is not connected", "Check its cable"],
        ),
        (checks.device, {"problem": "it is busy"}, Severity.FAIL, ["another program"]),
        (checks.firmware, {}, Severity.OK, ["5.16.0.1"]),
        (checks.firmware, {"firmware": "5.12.7"}, Severity.WARN, ["rs-fw-update"]),
        (checks.firmware, {"firmware": ""}, Severity.WARN, ["does not tell"]),
        (checks.usb, {}, Severity.OK, ["3.2"]),
        (checks.usb, {"usb": "2.1"}, Severity.FAIL, ["USB 2.1", "2-1", "no hub"]),
        (checks.usb, {"usb": ""}, Severity.WARN, ["lsusb"]),
        (checks.rate, {}, Severity.OK, ["30.0 Hz of 30, 640x480"]),
        (checks.rate, {"hz": 27.0}, Severity.WARN, ["27.0 Hz"]),
        (checks.rate, {"hz": 14.9}, Severity.FAIL, ["frames get lost"]),
        (checks.rate, {"hz": None}, Severity.SKIP, ["no frames"]),
        (checks.clock, {}, Severity.OK, ["10 ms before arrival"]),
        (checks.clock, {"stamps": "no global time"}, Severity.WARN, ["no global time"]),
        (checks.clock, {"age_s": None}, Severity.SKIP, ["no frames"]),
    ],
)
def test_a_camera(check, changes, state, words):
    expect(check(HEAD, camera(**changes)), state, *words)


def test_usb_2_is_a_warning_where_hw_config_allows_it():
    allowed = HEAD.model_copy(update={"allow_usb2": True})
    expect(checks.usb(allowed, camera(usb="2.1")), Severity.WARN, "allow_usb2")


def test_nothing_is_said_about_a_camera_that_is_not_there():
    assert len(checks.judge(HEAD, CameraFacts(problem="not connected"))) == 1
    busy = camera(problem="cannot be opened")
    assert [row.check for row in checks.judge(HEAD, busy)][1:] == [
        "head: firmware",
        "head: USB",
    ]


def test_faults_of_emulated_cameras_are_seen():
    configs = list(HARDWARE.cameras.values())
    devices = EmulatedDevices(configs, {"right_wrist": "987654321"})
    devices.inject("camera_usb2", "left_wrist")
    feeders = [Feeder(c, Pattern(c.config)) for c in devices.cameras.values()]
    try:
        found = survey.measure(configs, devices)
    finally:
        for feeder in feeders:
            feeder.stop()
    assert found["head"].hz is not None
    assert found["left_wrist"].usb == "2.1"
    assert "987654321 (Intel RealSense D405)" in found["right_wrist"].problem

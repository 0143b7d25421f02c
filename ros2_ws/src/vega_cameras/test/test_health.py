"""What /diagnostics says about a camera, and what is done about an SDK that hangs."""

from __future__ import annotations

import dataclasses
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from vega_cameras.colour_stream import Identity
from vega_cameras.devices import CameraError
from vega_cameras.frames import Counters, Frame, Mailbox
from vega_cameras.health import Health
from vega_runtime.diagnostics import ERROR, OK, WARN

IDENTITY = Identity("Intel RealSense D435", "1", "5.16", "3.2", "2-1", recorded=False)


def camera(**changes):
    """A camera that does well, but for the changes."""
    well = {
        "config": SimpleNamespace(fps=30),
        "state": "streaming",
        "trouble": "",
        "counters": Counters(),
        "stamper": SimpleNamespace(source="capture", trouble="", jumps=0),
        "identity": IDENTITY,
        "uniform": False,
        "unresponsive_s": 0.01,
    }
    return SimpleNamespace(**{**well, **changes})


def report(given, rate_hz=30.0, active=True):
    health = Health(given)
    health.report(0.0, active, 0)
    for frame in range(60):
        health.published(frame / rate_hz, 0.04)
    return health, 59 / rate_hz


@pytest.mark.parametrize(
    ("changes", "rate_hz", "level", "says"),
    [
        ({}, 30.0, OK, "streaming"),
        ({}, 20.0, WARN, "20.0 frames a second of 30"),
        ({"state": "down", "trouble": "it is gone"}, 30.0, ERROR, "it is gone"),
        ({"unresponsive_s": 12.0}, 30.0, ERROR, "the SDK has not come back for 12 s"),
        ({"uniform": True}, 30.0, WARN, "is the lens covered?"),
        ({"identity": dataclasses.replace(IDENTITY, usb="2.1")}, 30.0, WARN, "USB 2.1"),
        (
            {"stamper": SimpleNamespace(source="arrival", trouble="no global time", jumps=0)},
            30.0,
            WARN,
            "no global time",
        ),
    ],
)
def test_a_report_says_how_a_camera_does(changes, rate_hz, level, says):
    health, now_s = report(camera(**changes), rate_hz)
    found = health.report(now_s, True, 0)
    assert found[0] == level
    assert says in found[1]
    assert found[2]["rate_hz"] == pytest.approx(rate_hz)
    assert found[2]["age_ms_p95"] == pytest.approx(40.0)


def test_lost_frames_are_a_warning_until_the_next_report():
    given = camera()
    health, now_s = report(given)
    given.counters.lost = 3
    assert health.report(now_s, True, 0)[:2] == (WARN, "3 frames were lost since the last report")
    assert health.report(now_s, True, 0)[:2] == (OK, "streaming")


def test_an_old_rate_is_no_rate():
    health, now_s = report(camera())
    level, _, values = health.report(now_s + 5.0, True, 0)
    assert (level, values["rate_hz"]) == (WARN, 0.0)
    assert health.report(now_s + 5.0, False, 0)[0] == OK


def test_the_newest_frames_win():
    box = Mailbox(depth=2)
    frames = [Frame(np.zeros((1, 1, 3), np.uint8), n, n) for n in range(4)]
    assert [box.put(frame) for frame in frames] == [True, True, False, False]
    assert [box.take(), box.take(), box.take()] == [frames[2], frames[3], None]
    assert box.superseded == 2
    box.put(frames[0])
    box.clear()
    assert box.take() is None


def test_a_camera_that_hangs_in_the_sdk_does_not_stop_the_others(bench, quick, monkeypatch):
    monkeypatch.setattr("vega_cameras.camera._JOIN_S", 0.2)
    monkeypatch.setattr("vega_cameras.camera._START_LOCK_S", 0.2)
    cell = bench(("head", "left_wrist"), dataclasses.replace(quick, start_most_s=2.0))
    released = threading.Event()
    find = cell.devices.find

    def hang(config):
        if config.name == "head":
            released.wait()
        return find(config)

    cell.devices.find = hang
    with pytest.raises(CameraError, match=r"head camera .* the SDK hangs; unplug the camera$"):
        cell.rig.start()
    assert cell.rig.stop() == ["head"]
    assert cell.rig.cameras["left_wrist"].state == "stopped"
    released.set()
    monkeypatch.setattr("vega_cameras.camera._JOIN_S", 5.0)

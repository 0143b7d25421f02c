"""What happens when a camera fails: it is brought back, the others go on."""

from __future__ import annotations

import time

import pytest


def fails(cell, fault, *says):
    """The head camera fails; the other one goes on."""
    other = cell.rig.cameras["left_wrist"].counters
    before = other.frames
    cell.devices.inject(fault, "head")
    cell.until_told("head camera", *says)
    assert not [text for text in cell.told if "left_wrist" in text]
    cell.fresh("left_wrist")
    assert other.frames > before
    assert other.failures == 0


@pytest.fixture
def cell(bench):
    cell = bench(("head", "left_wrist"))
    cell.rig.start()
    cell.fresh("head")
    return cell


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("camera_frozen", "its image does not change"),
        ("camera_stuck", "its frame number stays at"),
    ],
)
def test_a_camera_that_repeats_itself_is_reset(cell, fault, says):
    fails(cell, fault, says)
    cell.until_told("head camera", "is back")
    cell.fresh("head")
    head = cell.rig.cameras["head"]
    assert cell.devices.resets == {"head": 1, "left_wrist": 0}
    assert (head.counters.failures, head.counters.resets, head.counters.returns) == (1, 1, 1)
    assert head.state == "streaming"


def test_a_repeated_frame_is_never_delivered(cell):
    fails(cell, "camera_stuck", "bringing it back")
    assert cell.rig.cameras["head"].counters.repeated > 0
    numbers = [frame.number for frame in cell.frames["head"]]
    assert len(numbers) == len(set(numbers))


def test_a_silent_camera_is_brought_back_when_it_can_be(cell):
    fails(cell, "camera_silent", "no frame for 0.5 s")
    cell.until_told("head camera", "sent no frame")
    assert cell.rig.cameras["head"].state == "down"
    cell.devices.inject("none", "head")
    cell.until_told("head camera", "is back")
    cell.fresh("head")


def test_a_camera_that_is_unplugged_comes_back_when_it_is_plugged_in(cell):
    for _ in range(2):
        cell.told.clear()
        fails(cell, "camera_gone", "is not connected")
        assert "Check its cable" in cell.rig.cameras["head"].trouble
        cell.devices.inject("none", "head")
        cell.until_told("head camera", "is back")
        cell.fresh("head")


def test_a_camera_that_comes_back_on_usb_2_stays_down_and_says_why(cell):
    fails(cell, "camera_usb2", "connected by USB 2.1")
    assert cell.rig.cameras["head"].state == "down"
    cell.devices.inject("none", "head")
    cell.until_told("head camera", "is back")


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("camera_time_jump", "its clock is 3600.0 s ahead of this computer's"),
        ("camera_no_global_time", "no global time (domain hardware_clock)"),
    ],
)
def test_stamps_that_cannot_be_trusted_become_times_of_arrival(cell, fault, says):
    fails(cell, fault, says)
    head = cell.rig.cameras["head"]
    for frame in cell.fresh("head"):
        assert abs(time.time_ns() - frame.stamp_ns) < 2e9
    assert head.stamper.source == "arrival"
    assert head.counters.failures == 0
    cell.devices.inject("none", "head")
    cell.until_told("head camera", "stamps are good")
    assert head.stamper.source == "capture"
    assert head.stamper.jumps == (fault == "camera_time_jump")


def test_a_rig_can_be_stopped_while_a_camera_is_away(cell):
    fails(cell, "camera_gone", "is not connected")
    assert cell.rig.stop() == []


def test_a_fault_that_does_not_exist_is_refused_with_those_that_do(cell):
    with pytest.raises(ValueError, match="camera_silent, camera_frozen"):
        cell.devices.inject("camera_asleep", "head")
    with pytest.raises(ValueError, match="known: head, left_wrist"):
        cell.devices.inject("camera_silent", "ceiling")

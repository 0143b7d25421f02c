"""Capture times, and what counts as frozen."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyrealsense2 as rs
import pytest
from vega_cameras.freshness import Freshness
from vega_cameras.stamps import Stamper

NOW_NS = 1_795_365_123_456_000_000
GLOBAL = rs.timestamp_domain.global_time


def frame(captured_ago_ms, arrived_ago_ms=None, domain=GLOBAL):
    """A frame as the SDK gives it."""
    arrived = None if arrived_ago_ms is None else NOW_NS // 1_000_000 - arrived_ago_ms
    return SimpleNamespace(
        get_timestamp=lambda: NOW_NS * 1e-6 - captured_ago_ms,
        get_frame_timestamp_domain=lambda: domain,
        supports_frame_metadata=lambda key: arrived is not None,
        get_frame_metadata=lambda key: arrived,
    )


@pytest.mark.parametrize(
    ("given", "age_ms", "source"),
    [
        (frame(40.0), 40.0, "capture"),
        (frame(40.0, 5), 40.0, "capture"),
        (frame(-3.0), -3.0, "capture"),
        # A frame that waited a second for a busy computer is an old one, not one with a bad clock.
        (frame(1040.0, 1000), 1040.0, "capture"),
        (frame(5000.0), 0.0, "arrival"),
        (frame(-5000.0, 5), 5.0, "arrival"),
        (frame(40.0, 5, rs.timestamp_domain.hardware_clock), 5.0, "arrival"),
        (frame(40.0, 5, rs.timestamp_domain.system_time), 5.0, "arrival"),
        # A time of arrival of another day (a recording) means nothing.
        (frame(40.0, 10**9), 40.0, "capture"),
    ],
)
def test_a_stamp_is_the_capture_time_or_says_that_it_is_not(given, age_ms, source):
    stamper = Stamper()
    stamp_ns = stamper.stamp_ns(given, NOW_NS)
    assert (NOW_NS - stamp_ns) * 1e-6 == pytest.approx(age_ms, abs=0.01)
    assert stamper.source == source
    assert bool(stamper.trouble) == (source == "arrival")


def test_a_jump_is_counted_once():
    stamper = Stamper()
    for late_ms in (40.0, 3e6, 3e6, 40.0, 3e6):
        stamper.stamp_ns(frame(late_ms), NOW_NS)
    assert stamper.jumps == 2


def test_stamps_of_a_recording_are_those_of_its_playing():
    stamper = Stamper()
    assert stamper.stamp_ns(frame(10**9), NOW_NS, recorded=True) == NOW_NS
    assert stamper.trouble == ""


def image(value):
    scene = np.random.default_rng(value).integers(0, 255, (48, 64, 3))
    return scene.astype(np.uint8)


def verdicts(frames, freshness=None):
    freshness = freshness or Freshness(frozen_s=0.5)
    return [
        freshness.update(number, stamp, pixels, 0.1 * tick)
        for tick, (number, stamp, pixels) in enumerate(frames)
    ]


def test_new_frames_are_fresh():
    assert verdicts((n, 33.0 * n, image(n)) for n in range(20)) == [None] * 20


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        ([(7, 33.0 * n, image(n)) for n in range(10)], "its frame number stays at 7"),
        ([(n, 99.5, image(n)) for n in range(10)], "its time stamp stays at 99.500 ms"),
        ([(n, 33.0 * n, image(0)) for n in range(10)], "its image does not change"),
    ],
)
def test_what_stays_the_same_for_too_long_is_frozen(frames, says):
    found = verdicts(frames)
    assert found[:6] == [None] * 6
    assert says in found[-1]


def test_a_covered_lens_is_not_frozen_but_noticed():
    freshness = Freshness(frozen_s=0.5)
    black = np.zeros((48, 64, 3), np.uint8)
    assert verdicts([(n, 33.0 * n, black) for n in range(10)], freshness) == [None] * 10
    assert freshness.uniform
    freshness.update(11, 400.0, image(1), 1.1)
    assert not freshness.uniform


def test_a_clock_that_was_set_back_is_not_frozen():
    stamps = [100.0, 133.0, 166.0, 20.0, 53.0, 86.0]
    assert verdicts((n, stamp, image(n)) for n, stamp in enumerate(stamps)) == [None] * 6

"""What the bench calls a failure."""

from __future__ import annotations

import copy

from benches.arms import __main__ as bench

GOOD = {
    "linked": {"left_follower_hz": 199.0, "left_leader_hz": 150.0, "left_driver_cpu_percent": 20.0},
    "commanded": {"left_follower_hz": 203.0, "left_latency_ms": {"p95": 7.0}},
    "detection_ms": {"silence": 210.0},
    "fuzz": {"raised": 0},
}


def test_figures_within_their_bounds_pass():
    assert bench.failures(GOOD) == []


def test_every_missed_bound_is_named():
    bad = copy.deepcopy(GOOD)
    bad["linked"]["left_follower_hz"] = 195.9
    bad["linked"]["left_driver_cpu_percent"] = 35.0
    bad["commanded"]["left_latency_ms"]["p95"] = float("nan")
    bad["detection_ms"]["silence"] = float("inf")
    bad["fuzz"]["raised"] = 1
    missed = "\n".join(bench.failures(bad))
    for word in ("left_follower_hz", "cpu_percent", "latency_ms", "silence", "1 frames raised"):
        assert word in missed
    assert len(missed.splitlines()) == 5

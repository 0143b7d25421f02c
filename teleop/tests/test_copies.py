"""Copies among the episodes of a task."""

import time
from types import SimpleNamespace

import numpy as np

from teleop.quality.cross_episode import _copies
from teleop.quality.thresholds import THRESHOLDS


def alike(number, track, digest="", seconds=10.0, idle=0.0):
    """What the search for copies looks at."""
    info = SimpleNamespace(
        index=number,
        duration_s=seconds,
        mcap=SimpleNamespace(sha256=digest or f"file {number}"),
    )
    joints = f"joints {number}"
    return SimpleNamespace(info=info, idle=idle, arms=(1,), joints_digest=joints, track=track)


def test_each_copy_is_told_once_with_the_first_that_it_is_like():
    times = np.linspace(0, 6, 100, dtype=np.float32)[:, None]
    one, other = np.sin(times + np.arange(14)), np.sin(2 * times + np.arange(14))
    ours = [
        alike(0, one),
        alike(1, other),
        alike(2, one + 1e-5, seconds=10.01),
        alike(3, other, seconds=30.0),  # as long again
        alike(4, other + 1e-5, digest="file 1"),
        alike(5, one, idle=1.0),
        alike(6, np.empty((0, 14), np.float32)),
        alike(7, np.empty((0, 14), np.float32)),
        alike(8, one + 1e-5),
        alike(9, one[:, :7]),
    ]
    found = {index: row.text for index, row in _copies(ours, THRESHOLDS)}
    assert found.keys() == {2, 4, 5, 8}
    assert found[4] == "its file is that of episode 1"
    assert all(found[n].endswith("rad from episode 0") for n in (2, 5, 8))


def test_copies_among_thousands_are_found_without_comparing_all_with_all():
    rng = np.random.default_rng(0)
    tracks = rng.uniform(-1, 1, (1500, 100, 14)).astype(np.float32)
    ours = [alike(number, track) for number, track in enumerate(tracks)]
    began = time.process_time()
    [(index, _)] = _copies([*ours, alike(1500, tracks[700])], THRESHOLDS)
    assert index == 1500
    assert time.process_time() - began < 15

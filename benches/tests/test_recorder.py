"""The bench finds what it looks for."""

from __future__ import annotations

import os

import pytest

import hw_config
from benches.recorder.__main__ import Usage, judge
from teleop.dataset.store import read_infos
from teleop.tests.episodes import Faults, make_episode, open_store


@pytest.mark.parametrize(("dropped", "lost"), [((), 0), ((5, 6, 20), 3)])
def test_messages_that_are_missing_are_counted(tmp_path, dropped, lost):
    with open_store(tmp_path / "data") as store:
        make_episode(store, 2.0, faults=Faults(dropped_frames={"head": dropped}))
        make_episode(store, 2.0)
    figures = judge(read_infos(tmp_path / "data"), hw_config.load())
    assert figures["takes"] == 2
    assert figures["lost"] == lost
    assert figures["messages"] == pytest.approx(2 * 2.0 * (3 * 30 + 6 * 200), abs=20)
    assert 0.0 < figures["disk_rate"] < 6.0


def test_memory_that_grows_shows_and_that_of_the_beginning_does_not():
    times_s = [float(i) for i in range(100)]
    leaking = Usage(times_s, [100.0 + 0.2 * i for i in range(100)], times_s)
    assert leaking.growth_mb == pytest.approx(0.2 * 49)
    settled = Usage(times_s, [100.0 + min(i, 40) for i in range(100)], times_s)
    assert settled.growth_mb == pytest.approx(0.0)
    assert settled.cpu_percent == pytest.approx(100.0)


def test_a_process_is_sampled():
    usage = Usage()
    usage.sample(os.getpid())
    assert usage.memory_mb[0] > 10.0
    assert usage.cpu_s[0] > 0.0

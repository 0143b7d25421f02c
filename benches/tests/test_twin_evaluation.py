"""What the measurement of the twin's speed says."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from functools import partial

import pytest

from benches import twin_evaluation as bench

ROUND = bench.Round(
    workers=1, trials=10, start_s=5.0, play_s=36.0, cpu_s_per_trial=3.0, others_cores=0.1
)
FOUR = partial(bench.Round, workers=4, trials=10, start_s=5.0, cpu_s_per_trial=3.0)


def test_the_start_of_the_workers_is_told_apart():
    assert ROUND.per_hour == 1000.0
    assert ROUND.per_hour_with_start == pytest.approx(3600 * 10 / 41)


def test_efficiency_is_that_of_the_median_round():
    rounds = [ROUND, *(FOUR(play_s=s, others_cores=0.0) for s in (10.0, 9.0, 90.0))]
    assert bench.efficiency(rounds, 4) == pytest.approx(0.9)
    figures = bench.figures_of(rounds, 4)
    assert (figures["per_hour_one"], figures["per_hour_many"]) == (1000.0, 3600.0)
    assert len(figures["rounds"]) == 4


def test_processor_time_is_counted():
    mine = bench._own_s([os.getpid()])
    assert 0.0 < mine < bench.machine_cpu_s(with_steal=True)


def test_one_and_more_take_turns_and_too_little_gain_fails_the_check(
    tmp_path, aimless, capsys, monkeypatch
):
    def measure(request, workers):
        assert not request.output.exists()
        return replace(ROUND, workers=workers, play_s=36.0 / (1.5 if workers > 1 else 1.0))

    monkeypatch.setattr(bench, "measure", measure)
    file = tmp_path / "bench.json"
    argv = ["--checkpoint", str(aimless), "--workers", "2", "--rounds", "2", "--json", str(file)]
    assert bench.main([*argv, "--check"]) == 1
    assert "FAILED: 2 workers" in capsys.readouterr().out
    figures = json.loads(file.read_text())
    assert [played["workers"] for played in figures["rounds"]] == [1, 2, 1, 2]
    assert figures["efficiency"] == pytest.approx(0.75)
    assert bench.main(argv) == 0

import json

import numpy as np
import pytest

from benches.statistics import __main__ as bench
from benches.statistics.figure import Figure
from benches.statistics.sequential import sequential_error


def test_the_sequential_test_errs_at_most_5_percent_over_10000_sessions():
    found = list(sequential_error(10_000, np.random.default_rng(0)))
    assert len([f for f in found if f.name.endswith("/error")]) == 18
    assert all(figure.met for figure in found)


def test_figures_are_printed_and_written_by_name(tmp_path, capsys):
    path = tmp_path / "figures.json"
    assert bench.main(["--sessions", "20", "--json", str(path)]) == 0
    values = json.loads(path.read_text())
    for name in (
        "coverage/clopper_pearson/minimum_exact",
        "coverage/newcombe_paired_from_clopper_pearson/minimum_exact",
        "coverage/newcombe_from_clopper_pearson/minimum_exact",
        "coverage/wilson/mean_exact",
    ):
        assert values[name] >= 0.95
    assert values["sequential/20_pairs/largest_error_exact"] <= 0.05
    assert values["sequential/20_pairs/mean_trials_saved"] > 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in values)


def test_a_missed_figure_is_told(monkeypatch, capsys):
    missed = [Figure("coverage/x", 0.9, least=0.95), Figure("error/x", 0.04, most=0.05)]
    monkeypatch.setattr(bench, "figures", lambda sessions, seed: missed)
    assert bench.main([]) == 0
    assert bench.main(["--check"]) == 1
    assert "at least 0.95: MISSED" in capsys.readouterr().out
    monkeypatch.setattr(bench, "figures", lambda sessions, seed: missed[1:])
    assert bench.main(["--check"]) == 0


def test_no_sessions_are_refused(capsys):
    with pytest.raises(SystemExit):
        bench.main(["--sessions", "0"])
    assert "--sessions must be at least 1" in capsys.readouterr().err

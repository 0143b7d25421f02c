"""Targets, exit codes and processor time are those that every bench tells."""

import argparse
import json
import math
import os

import pytest

from benches import harness
from benches.harness import BenchError, Wanted


@pytest.mark.parametrize(
    ("relation", "good", "bad"),
    [
        ("below", [4.9], [5.0, math.nan]),
        ("at most", [5.0], [5.1, math.nan]),
        ("at least", [5.0], [4.9, math.nan]),
        ("exactly", [5], [4, 6, math.nan]),
    ],
)
def test_a_target_is_met_or_missed(relation, good, bad, capsys):
    wanted = Wanted("delay", relation, 5.0, "ms")
    for value in good:
        assert harness.judge({"delay": value}, [wanted]) == []
    for value in bad:
        assert harness.judge({"delay": value}, [wanted]) == ["delay"]
    assert f"({relation} 5)" in capsys.readouterr().out


@pytest.mark.parametrize(("check", "code"), [([], 0), (["--check"], 1)])
def test_what_is_missed_is_told_and_fails_a_check(tmp_path, capsys, check, code):
    file = tmp_path / "figures.json"
    arguments = harness.parser("x", "Measures.", "fail").parse_args(["--json", str(file), *check])
    assert harness.run(arguments, lambda: {"delay": 7}, lambda figures: list(figures)) == code
    assert "FAILED: delay" in capsys.readouterr().out
    assert json.loads(file.read_text()) == {"delay": 7}


def test_what_cannot_be_measured_is_told_in_a_line(capsys):
    def measure():
        raise BenchError("the node did not start")

    given = argparse.Namespace(json=None, check=False)
    assert harness.run(given, measure, lambda figures: []) == 2
    assert capsys.readouterr().err == "error: the node did not start\n"


def test_a_process_has_used_less_than_the_machine():
    mine = harness.process_cpu_s(os.getpid())
    assert 0.0 < mine < harness.machine_cpu_s() <= harness.machine_cpu_s(with_steal=True)

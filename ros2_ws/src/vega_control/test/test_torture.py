"""A little of what `python -m benches.control` does at length."""

import numpy as np
import pytest
from vega_control.gate import Command

from benches.control.limit_check import LimitCheck
from benches.control.random_policies import torture

from .conftest import CONFIG

TAPE = np.zeros((30, 14))


@pytest.mark.parametrize("checked", [True, False])
def test_no_random_policy_makes_the_gate_exceed_a_limit_or_leave_the_workspace(checked):
    verdict = torture(90, 5, TAPE, checked=checked)
    assert verdict.clean, verdict
    assert sum(verdict.accepted.values()) > 20
    assert verdict.blocked > 0


@pytest.mark.parametrize(
    ("word", "steps"),
    [
        ("velocity", [0.0, 0.011]),
        ("acceleration", [0.0, 0.0, 0.005]),
        ("jerk", [0.0, 0.0, 0.0, 0.0002]),
        ("position", [0.0, 1.001]),
    ],
)
def test_the_audit_sees_what_it_is_there_for(word, steps):
    limit_check = LimitCheck(CONFIG)
    still = np.zeros(4, bool)
    base = np.array([0.0, 0.04, 0.0, 0.04])
    limit_check.add(Command(base, None, 0.005, ~still))
    position = base.copy()
    for step in steps:
        position = position + np.array([step, 0.0, 0.0, 0.0])
        limit_check.add(Command(position.copy(), None, 0.005, still))
    assert word in limit_check.violations

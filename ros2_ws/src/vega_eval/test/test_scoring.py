"""The type of a failure: each of the paper's examples, and what else a session tells apart."""

from dataclasses import replace

import pytest
from vega_eval.failure_types import (
    COMMS,
    DROP,
    ESTOP,
    LOCALISATION,
    PLACEMENT,
    WORKSPACE,
    Rules,
    in_order,
)
from vega_eval.scoring import failure_type
from vega_sim.failure_signals import FailureSignals

NOT_REACHED = FailureSignals(closest_m=0.08, stalled_s=9.0)
TOUCHED = replace(NOT_REACHED, closest_m=0.0, touched=True)
TAKEN = replace(TOUCHED, ever_held=True)
MISPLACED = replace(TAKEN, released_at_target=True)
LOST = replace(TAKEN, lost=True)
PRESSED = replace(NOT_REACHED, table_contact_s=2.0, table_force_n=180.0)
BUSY = 0.4  # s since the last progress


@pytest.mark.parametrize(
    ("what", "signals", "wanted"),
    [
        ("the gripper comes to the screen side of the laptop and stays there", TOUCHED, "I"),
        ("the hand closes beside the cucumber", NOT_REACHED, "I"),
        ("a carrot taken near its base falls beside the bowl", MISPLACED, "II"),
        ("a flower taken off centre does not go into the vase", MISPLACED, "II"),
        ("a flower is held askew over the vase until time is up", replace(TAKEN, held=True), "II"),
        ("a carrot lies in its bowl, but so that it does not count", TAKEN, "II"),
        ("an arm meets the table when it reaches for a stem", PRESSED, "III"),
        ("the cucumber slips out on the way", LOST, "drop"),
        ("the lid is half way down when time is up", replace(TOUCHED, stalled_s=BUSY), "timeout"),
        ("a carrot is on its way", replace(TAKEN, held=True, stalled_s=BUSY), "timeout"),
    ],
)
def test_a_failure_has_the_type_that_a_person_would_give_it(what, signals, wanted):
    assert failure_type(signals).value == wanted, what


def test_what_stops_a_trial_from_outside_counts_before_anything_else():
    worst = replace(LOST, table_contact_s=5.0)
    assert failure_type(worst, estopped=True, comms_lost=True) is ESTOP
    assert failure_type(worst, comms_lost=True) is COMMS


def test_what_broke_a_trial_counts_before_what_it_lacked():
    everything = replace(MISPLACED, lost=True, table_contact_s=5.0, stalled_s=BUSY)
    assert failure_type(everything) is WORKSPACE
    assert failure_type(replace(everything, table_contact_s=0.0)) is DROP
    assert failure_type(replace(MISPLACED, stalled_s=BUSY)) is PLACEMENT


def test_a_gate_that_keeps_an_arm_off_the_table_shows_the_same_as_the_table():
    limit = Rules().blocked_commands
    assert failure_type(NOT_REACHED, blocked_by_workspace=limit) is LOCALISATION
    assert failure_type(NOT_REACHED, blocked_by_workspace=limit + 1) is WORKSPACE


def test_a_brush_over_the_table_is_no_collision():
    limit = Rules().table_contact_s
    assert failure_type(replace(PRESSED, table_contact_s=limit)) is LOCALISATION


def test_the_lines_can_be_drawn_elsewhere():
    strict = Rules(table_contact_s=0.0, blocked_commands=0, stalled_s=0.1)
    brushed = replace(NOT_REACHED, table_contact_s=0.04)
    assert failure_type(brushed, rules=strict) is WORKSPACE
    assert failure_type(NOT_REACHED, blocked_by_workspace=1, rules=strict) is WORKSPACE
    assert failure_type(replace(TOUCHED, stalled_s=BUSY), rules=strict) is LOCALISATION


def test_every_type_says_in_a_line_what_it_means():
    assert [kind.value for kind in in_order()] == [
        "I", "II", "III", "timeout", "drop", "estop", "comms",
    ]  # fmt: skip
    meanings = {kind.meaning for kind in in_order()}
    assert len(meanings) == len(in_order())
    assert all(meaning and "\n" not in meaning for meaning in meanings)


@pytest.mark.parametrize("signals", [NOT_REACHED, MISPLACED, LOST, PRESSED])
def test_the_message_that_carries_the_signals_is_scored_like_them(signals):
    outputs = pytest.importorskip("vega_sim.sim_outputs", reason="ROS is not here")
    assert failure_type(outputs.signals_to_message(signals)) is failure_type(signals)

import pytest
from vega_eval.session.keys import KeyPress, OperatorKeys
from vega_eval.trials.record import TrialOutcome


@pytest.fixture
def keys():
    keys = OperatorKeys()
    keys.milestones = ["touched", "folded", "closed"]
    return keys


def typed(keys, text):
    return [press for press in map(keys.feed, text) if press is not None]


@pytest.mark.parametrize(
    ("text", "verb"),
    [("\n", "ready"), (" ", "stop"), ("r", "redo"), ("p", "pause"), ("q", "leave"), ("?", "help")],
)
def test_single_keys(keys, text, verb):
    assert typed(keys, text) == [KeyPress(verb)]


def test_success_needs_no_more(keys):
    assert typed(keys, "+") == [KeyPress("judge", TrialOutcome.SUCCESS)]


@pytest.mark.parametrize(
    ("key", "kind"),
    [("1", "I"), ("2", "II"), ("3", "III"), ("d", "drop"), ("E", "estop"), ("\n", "")],
)
def test_a_failure_asks_why(keys, key, kind):
    assert typed(keys, "-") == []
    assert keys.question.startswith("why?")
    assert typed(keys, key) == [KeyPress("judge", TrialOutcome.FAIL, failure=kind)]
    assert keys.question == ""


def test_partly_done_asks_how_far_and_why(keys):
    assert typed(keys, "%") == []
    assert "1 touched   2 folded" in keys.question
    assert "closed" not in keys.question
    assert typed(keys, "92") == []
    assert typed(keys, "t") == [KeyPress("judge", TrialOutcome.PARTIAL, 2, "timeout")]


def test_an_invalid_trial_asks_for_the_reason(keys):
    assert typed(keys, "xsun\x7f\n") == [KeyPress("judge", TrialOutcome.INVALID, text="su")]


def test_a_note_is_typed_until_enter_and_given_up_with_escape(keys):
    assert typed(keys, "nhums a lot\r") == [KeyPress("note", text="hums a lot")]
    assert typed(keys, "nq\x1bq") == [KeyPress("leave")]
    assert typed(keys, "-\x1b+") == [KeyPress("judge", TrialOutcome.SUCCESS)]

import threading

import pytest
from vega_eval.failure_types import PLACEMENT
from vega_eval.session.operator_console import OperatorConsole, SessionPhase
from vega_eval.trials.record import TrialOutcome, TrialVerdict

MILESTONES = ("touched", "folded", "closed")


@pytest.fixture
def console():
    return OperatorConsole(MILESTONES, "ada")


def test_a_success_has_reached_everything(console):
    console.show(phase=SessionPhase.JUDGING)
    assert console.judge(TrialOutcome.SUCCESS, [], "", "").done
    verdict = console.take_verdict()
    assert (verdict.outcome, verdict.progress, verdict.judged_by) == (
        TrialOutcome.SUCCESS,
        1.0,
        "ada",
    )
    assert verdict.milestones == {"touched": True, "folded": True, "closed": True}


def test_a_partial_success_tells_how_far_it_came(console):
    console.show(phase=SessionPhase.JUDGING)
    console.judge(TrialOutcome.PARTIAL, ["touched"], "II", "slipped off")
    verdict = console.take_verdict()
    assert verdict.progress == pytest.approx(1 / 3)
    assert (verdict.failure_type, verdict.note) == (PLACEMENT, "slipped off")


def test_judging_a_running_trial_ends_it(console):
    console.show(phase=SessionPhase.RUNNING)
    assert not console.is_stopped()
    console.judge(TrialOutcome.FAIL, [], "III", "")
    assert console.is_stopped()


def test_the_next_trial_begins_unjudged(console):
    console.show(phase=SessionPhase.RUNNING)
    console.judge(TrialOutcome.FAIL, [], "", "")
    console.reset_requests()
    assert console.take_verdict() is None
    assert not console.is_stopped()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ((TrialOutcome.FAIL, ["opened"], "", ""), "unknown milestone opened; they are: touched"),
        (
            (TrialOutcome.FAIL, [], "IV", ""),
            "unknown failure type 'IV'; expected one of I, II, III",
        ),
        ((TrialOutcome.INVALID, [], "", ""), "needs a note"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(console, asked, told):
    console.show(phase=SessionPhase.JUDGING)
    answer = console.judge(*asked)
    assert not answer.done
    assert told in answer.text
    assert console.take_verdict() is None


def test_verbs_are_refused_when_there_is_nothing_to_be_done(console):
    console.show(phase=SessionPhase.PREPARING, text="loads policy A")
    for answer in (
        console.ready(),
        console.stop(),
        console.judge(TrialOutcome.FAIL, [], "", ""),
        console.resume(),
    ):
        assert not answer.done
    assert "loads policy A" in console.ready().text
    assert not console.redo().done
    assert not console.note("   ").done


def test_notes_are_collected_until_they_are_taken(console):
    console.note("the left arm hums")
    console.note("sun came out")
    assert console.take_notes() == "the left arm hums; sun came out"
    assert console.take_notes() == ""


def test_a_redo_is_taken_once(console):
    console.show(phase=SessionPhase.PREPARING, valid=1)
    assert console.redo().done
    assert console.take_redo()
    assert not console.take_redo()


@pytest.mark.parametrize(
    ("phase", "verb"),
    [
        (SessionPhase.LAYING, lambda c: c.ready()),
        (SessionPhase.RUNNING, lambda c: c.stop()),
        (SessionPhase.RUNNING, lambda c: c.judge(TrialOutcome.FAIL, [], "", "")),
        (SessionPhase.PREPARING, lambda c: c.redo()),
        (SessionPhase.PREPARING, lambda c: c.note("the sun came out")),
        (SessionPhase.PREPARING, lambda c: c.pause()),
    ],
)
def test_a_verb_sees_what_is_shown_and_what_is_asked_together(console, phase, verb):
    console.show(phase=phase, valid=1)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(verb(console)), daemon=True)
    with console._lock:  # the trial runner is in the middle of a change
        asking.start()
        asking.join(0.05)
        assert not answers
    asking.join()
    assert answers[0].done


def test_a_trial_that_has_its_verdict_cannot_be_judged_any_more(console):
    by_rules = TrialVerdict(outcome=TrialOutcome.FAIL, progress=0.0)
    console.show(phase=SessionPhase.RUNNING)
    assert console.take_verdict(by_rules) is by_rules
    assert not console.judge(TrialOutcome.SUCCESS, [], "", "").done
    console.reset_requests(phase=SessionPhase.RUNNING)
    assert console.judge(TrialOutcome.SUCCESS, [], "", "").done

import pytest
from vega_eval.failure_types import PLACEMENT
from vega_eval.session.desk import Desk, Phase
from vega_eval.trials.record import Outcome

MILESTONES = ("touched", "folded", "closed")


@pytest.fixture
def desk():
    return Desk(MILESTONES, "ada")


def test_a_success_has_reached_everything(desk):
    desk.show(phase=Phase.JUDGING)
    assert desk.judge(Outcome.SUCCESS, [], "", "").done
    verdict = desk.judged()
    assert (verdict.outcome, verdict.progress, verdict.judged_by) == (Outcome.SUCCESS, 1.0, "ada")
    assert verdict.milestones == {"touched": True, "folded": True, "closed": True}


def test_a_partial_success_tells_how_far_it_came(desk):
    desk.show(phase=Phase.JUDGING)
    desk.judge(Outcome.PARTIAL, ["touched"], "II", "slipped off")
    verdict = desk.judged()
    assert verdict.progress == pytest.approx(1 / 3)
    assert (verdict.failure_type, verdict.note) == (PLACEMENT, "slipped off")


def test_judging_a_running_trial_ends_it(desk):
    desk.show(phase=Phase.RUNNING)
    assert not desk.is_stopped()
    desk.judge(Outcome.FAIL, [], "III", "")
    assert desk.is_stopped()


def test_the_next_trial_begins_unjudged(desk):
    desk.show(phase=Phase.RUNNING)
    desk.judge(Outcome.FAIL, [], "", "")
    desk.forget()
    assert desk.judged() is None
    assert not desk.is_stopped()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ((Outcome.FAIL, ["opened"], "", ""), "unknown milestone opened; they are: touched"),
        ((Outcome.FAIL, [], "IV", ""), "unknown failure type 'IV'; expected one of I, II, III"),
        ((Outcome.INVALID, [], "", ""), "needs a note"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(desk, asked, told):
    desk.show(phase=Phase.JUDGING)
    answer = desk.judge(*asked)
    assert not answer.done
    assert told in answer.text
    assert desk.judged() is None


def test_verbs_are_refused_when_there_is_nothing_to_be_done(desk):
    desk.show(phase=Phase.PREPARING, text="loads policy A")
    for answer in (desk.ready(), desk.stop(), desk.judge(Outcome.FAIL, [], "", ""), desk.resume()):
        assert not answer.done
    assert "loads policy A" in desk.ready().text
    assert not desk.redo().done
    assert not desk.note("   ").done


def test_notes_are_collected_until_they_are_taken(desk):
    desk.note("the left arm hums")
    desk.note("sun came out")
    assert desk.take_notes() == "the left arm hums; sun came out"
    assert desk.take_notes() == ""


def test_a_redo_is_taken_once(desk):
    desk.show(phase=Phase.PREPARING, valid=1)
    assert desk.redo().done
    assert desk.takes_redo()
    assert not desk.takes_redo()

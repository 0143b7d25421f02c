"""What an unattended session asks for, one situation after the other."""

import itertools

import pytest

from teleop.session.state import SessionPhase
from teleop.session.unattended import (
    Action,
    GivenUp,
    SceneReport,
    SessionRequest,
    Situation,
    UnattendedSession,
)


class Play:
    """Carries out what is asked for, as the stack would."""

    def __init__(self, scripted=True, home_first=False):
        seeds = itertools.count(7)
        self.logged = []
        self.plan = UnattendedSession(
            scripted, 15.0, lambda: next(seeds), self.logged.append, home_first
        )
        self.phase = SessionPhase.READY
        self.scene = None
        self.seed = None
        self.take_s = 0.0
        self.problems = ()
        self.home = True
        self.stopped = False
        self.wall_s = 0.0

    def update(self):
        now = Situation(
            *(self.phase, self.seed, self.take_s, self.problems, "why", self.scene, self.home),
            stopped=self.stopped,
        )
        return self.plan.next(now, self.wall_s)

    def do(self, what):
        request = self.update()
        assert request is not None
        assert request.what is what
        self.plan.done(request)
        if what is Action.RESET:
            self.seed = request.seed
            self.scene = SceneReport(request.seed, False, 0.0)
        self.phase = {Action.START: SessionPhase.RECORDING, Action.SAVE: SessionPhase.SAVING}.get(
            what, self.phase
        )
        if what is Action.DISCARD:
            self.phase = SessionPhase.READY
        return request

    def see(self, stamp_s, success=True):
        self.scene = SceneReport(self.seed, success, stamp_s)

    def begin(self):
        self.do(Action.RESET)
        if self.logged:
            assert self.update() is None, "after a failure the session has to stay ready"
            self.wall_s += 3.0
        self.do(Action.START)
        self.do(Action.ACT)


@pytest.fixture
def play():
    return Play()


def test_a_take_is_saved_once_success_has_lasted(play):
    play.begin()
    assert play.update() is None
    play.see(3.0)
    assert play.update() is None
    play.see(3.2, success=False)
    assert play.update() is None
    play.see(4.0)
    assert play.update() is None
    play.see(4.7)
    play.do(Action.SAVE)
    assert play.update() is None
    play.phase = SessionPhase.READY
    play.do(Action.REST)
    assert play.update() is None
    assert play.do(Action.RESET).seed == 8


def test_a_take_begins_when_the_session_knows_the_scene_and_the_arms_are_home(play):
    play.do(Action.RESET)
    play.seed = 3
    assert play.update() is None
    play.seed, play.home = 7, False
    assert play.update() is None
    play.home, play.phase = True, SessionPhase.WAITING
    assert play.update() is None
    play.phase = SessionPhase.READY
    request = play.update()
    assert request == SessionRequest(Action.START)
    play.plan.refused(request, "not yet")
    assert play.update() == SessionRequest(Action.START)


def test_an_answer_that_got_lost_is_no_harm(play):
    play.do(Action.RESET)
    play.plan.unanswered(play.update())
    play.phase = SessionPhase.RECORDING
    assert play.update() is None
    play.do(Action.ACT)
    play.see(3.0)
    play.update()
    play.see(4.0)
    play.plan.unanswered(play.update())
    play.phase = SessionPhase.SAVING
    assert play.update() is None
    play.phase = SessionPhase.READY
    play.do(Action.REST)


def test_what_never_becomes_ready_is_given_up_with_the_reason(play):
    play.do(Action.RESET)
    play.phase = SessionPhase.WAITING
    assert play.update() is None
    play.wall_s = 121.0
    with pytest.raises(GivenUp, match="no take could begin for 120 s: why"):
        play.update()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"problems": ("the head camera stopped",)}, "the head camera stopped"),
        ({"take_s": 15.1}, "no success within 15 s"),
    ],
)
def test_a_bad_or_failed_take_is_discarded_and_another_scene_laid(play, change, why):
    play.begin()
    for name, value in change.items():
        setattr(play, name, value)
    play.do(Action.DISCARD)
    assert why in play.logged[0]
    play.do(Action.REST)
    play.update()
    assert play.do(Action.RESET).seed == 8


def test_where_a_gate_leads_the_arms_go_home_before_a_scene_is_laid():
    play = Play(home_first=True)
    play.begin()
    play.take_s = 20.0
    play.do(Action.DISCARD)
    play.home = False
    play.do(Action.REST)
    assert play.update() is None
    assert play.update() is None
    play.home = True
    play.update()
    play.do(Action.RESET)


def test_many_failures_in_a_row_end_it(play):
    for number in range(8):
        play.take_s = 0.0
        play.begin()
        play.take_s = 20.0
        if number < 7:
            play.do(Action.DISCARD)
            play.do(Action.REST)
            play.update()
    with pytest.raises(GivenUp, match=r"8 takes in a row failed, .* no success within 15 s"):
        play.do(Action.DISCARD)


def test_the_end_comes_when_all_are_there(play):
    play.begin()
    play.see(3.0)
    play.update()
    play.see(4.0)
    play.do(Action.SAVE)
    play.phase = SessionPhase.FINISHED
    play.do(Action.REST)
    play.do(Action.END)
    assert play.update() is None


def test_a_session_that_was_complete_before_lays_nothing(play):
    play.phase = SessionPhase.FINISHED
    assert play.update() is None
    play.do(Action.END)


def test_a_take_that_somebody_else_ended_is_no_failure(play):
    play.begin()
    play.phase = SessionPhase.READY
    assert play.update() is None
    play.do(Action.REST)
    assert play.logged == []


def test_an_operator_that_does_not_act_costs_the_take(play):
    play.do(Action.RESET)
    play.do(Action.START)
    play.plan.refused(play.update(), "no script")
    request = play.update()
    assert request == SessionRequest(Action.DISCARD)
    play.plan.refused(request, "a moment")
    play.do(Action.DISCARD)
    assert play.logged == ["take given up, seed 7: the operator does not act: no script"]


def test_a_scene_that_cannot_be_laid_ends_it(play):
    with pytest.raises(GivenUp, match="sim/reset is refused: no such task"):
        play.plan.refused(play.update(), "no such task")


def test_with_a_person_only_scenes_are_laid():
    play = Play(scripted=False)
    play.do(Action.RESET)
    assert play.update() is None
    play.phase = SessionPhase.RECORDING
    assert play.update() is None
    play.see(3.0)
    assert play.update() is None
    play.take_s = 60.0
    assert play.update() is None
    play.phase = SessionPhase.SAVING
    assert play.update() is None
    play.phase = SessionPhase.RECORDING  # begun again at once: the scene stays
    assert play.update() is None
    play.phase = SessionPhase.READY
    assert play.update() is None
    play.do(Action.REST)
    play.update()
    play.do(Action.RESET)


def test_a_stop_is_waited_for_however_long_it_takes():
    play = Play()
    play.do(Action.RESET)
    play.stopped, play.phase = True, SessionPhase.WAITING
    for play.wall_s in (0.0, 100.0, 1000.0, 10_000.0):
        assert play.update() is None
    play.stopped, play.phase = False, SessionPhase.READY
    play.do(Action.START)

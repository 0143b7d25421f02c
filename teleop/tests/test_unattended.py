"""What an unattended session asks for, one situation after the other."""

import itertools

import pytest

from teleop.session.state import Phase
from teleop.session.unattended import Do, GivenUp, Order, SceneReport, Situation, Unattended


class Play:
    """Carries out what is asked for, as the stack would."""

    def __init__(self, scripted=True, home_first=False):
        seeds = itertools.count(7)
        self.told = []
        self.plan = Unattended(scripted, 15.0, lambda: next(seeds), self.told.append, home_first)
        self.phase = Phase.READY
        self.scene = None
        self.seed = None
        self.take_s = 0.0
        self.problems = ()
        self.home = True
        self.wall_s = 0.0

    def update(self):
        now = Situation(
            self.phase, self.seed, self.take_s, self.problems, "why", self.scene, self.home
        )
        return self.plan.next(now, self.wall_s)

    def do(self, what):
        order = self.update()
        assert order is not None
        assert order.what is what
        self.plan.done(order)
        if what is Do.RESET:
            self.seed = order.seed
            self.scene = SceneReport(order.seed, False, 0.0)
        self.phase = {Do.START: Phase.RECORDING, Do.SAVE: Phase.SAVING}.get(what, self.phase)
        if what is Do.DISCARD:
            self.phase = Phase.READY
        return order

    def see(self, stamp_s, success=True):
        self.scene = SceneReport(self.seed, success, stamp_s)

    def begin(self):
        self.do(Do.RESET)
        if self.told:
            assert self.update() is None, "after a failure the session has to stay ready"
            self.wall_s += 3.0
        self.do(Do.START)
        self.do(Do.ACT)


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
    play.do(Do.SAVE)
    assert play.update() is None
    play.phase = Phase.READY
    play.do(Do.REST)
    assert play.update() is None
    assert play.do(Do.RESET).seed == 8


def test_a_take_begins_when_the_session_knows_the_scene_and_the_arms_are_home(play):
    play.do(Do.RESET)
    play.seed = 3
    assert play.update() is None
    play.seed, play.home = 7, False
    assert play.update() is None
    play.home, play.phase = True, Phase.WAITING
    assert play.update() is None
    play.phase = Phase.READY
    order = play.update()
    assert order == Order(Do.START)
    play.plan.refused(order, "not yet")
    assert play.update() == Order(Do.START)


def test_an_answer_that_got_lost_is_no_harm(play):
    play.do(Do.RESET)
    play.plan.unanswered(play.update())
    play.phase = Phase.RECORDING
    assert play.update() is None
    play.do(Do.ACT)
    play.see(3.0)
    play.update()
    play.see(4.0)
    play.plan.unanswered(play.update())
    play.phase = Phase.SAVING
    assert play.update() is None
    play.phase = Phase.READY
    play.do(Do.REST)


def test_what_never_becomes_ready_is_given_up_with_the_reason(play):
    play.do(Do.RESET)
    play.phase = Phase.WAITING
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
    play.do(Do.DISCARD)
    assert why in play.told[0]
    play.do(Do.REST)
    play.update()
    assert play.do(Do.RESET).seed == 8


def test_where_a_gate_leads_the_arms_go_home_before_a_scene_is_laid():
    play = Play(home_first=True)
    play.begin()
    play.take_s = 20.0
    play.do(Do.DISCARD)
    play.home = False
    play.do(Do.REST)
    assert play.update() is None
    assert play.update() is None
    play.home = True
    play.update()
    play.do(Do.RESET)


def test_many_failures_in_a_row_end_it(play):
    for number in range(8):
        play.take_s = 0.0
        play.begin()
        play.take_s = 20.0
        if number < 7:
            play.do(Do.DISCARD)
            play.do(Do.REST)
            play.update()
    with pytest.raises(GivenUp, match=r"8 takes in a row failed, .* no success within 15 s"):
        play.do(Do.DISCARD)


def test_the_end_comes_when_all_are_there(play):
    play.begin()
    play.see(3.0)
    play.update()
    play.see(4.0)
    play.do(Do.SAVE)
    play.phase = Phase.FINISHED
    play.do(Do.REST)
    play.do(Do.END)
    assert play.update() is None


def test_a_session_that_was_complete_before_lays_nothing(play):
    play.phase = Phase.FINISHED
    assert play.update() is None
    play.do(Do.END)


def test_a_take_that_somebody_else_ended_is_no_failure(play):
    play.begin()
    play.phase = Phase.READY
    assert play.update() is None
    play.do(Do.REST)
    assert play.told == []


def test_an_operator_that_does_not_act_costs_the_take(play):
    play.do(Do.RESET)
    play.do(Do.START)
    play.plan.refused(play.update(), "no script")
    order = play.update()
    assert order == Order(Do.DISCARD)
    play.plan.refused(order, "a moment")
    play.do(Do.DISCARD)
    assert play.told == ["take given up, seed 7: the operator does not act: no script"]


def test_a_scene_that_cannot_be_laid_ends_it(play):
    with pytest.raises(GivenUp, match="sim/reset is refused: no such task"):
        play.plan.refused(play.update(), "no such task")


def test_with_a_person_only_scenes_are_laid():
    play = Play(scripted=False)
    play.do(Do.RESET)
    assert play.update() is None
    play.phase = Phase.RECORDING
    assert play.update() is None
    play.see(3.0)
    assert play.update() is None
    play.take_s = 60.0
    assert play.update() is None
    play.phase = Phase.SAVING
    assert play.update() is None
    play.phase = Phase.RECORDING  # begun again at once: the scene stays
    assert play.update() is None
    play.phase = Phase.READY
    assert play.update() is None
    play.do(Do.REST)
    play.update()
    play.do(Do.RESET)

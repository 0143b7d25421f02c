import pytest
from vega_eval.episode.episode_state_machine import (
    EpisodeOutcome,
    EpisodeScene,
    EpisodeStateMachine,
    Patience,
)

SCENE = EpisodeScene("close_laptop", "easy", 3)
LIMIT_S = 15.0


@pytest.fixture
def episode():
    return EpisodeStateMachine(
        SCENE,
        LIMIT_S,
        Patience(start_s=60.0, clock_s=10.0, hold_s=3.0, bring_up_s=200.0),
        wall_s=100.0,
    )


@pytest.fixture
def running(episode):
    episode.observe_scene(SCENE, False, 5.0)
    episode.observe_gate(True, "", 5.0)
    episode.observe_step(5.0)
    episode.advance(5.0, 105.0)
    return episode


def test_another_scene_has_to_be_laid_first(episode):
    assert not episode.wants_reset()
    episode.observe_scene(EpisodeScene("close_laptop", "easy", 0), False, 1.0)
    assert episode.wants_reset()
    episode.observe_step(1.5)
    assert not episode.running
    episode.observe_scene(SCENE, False, 2.0)
    assert not episode.wants_reset()


def test_starts_with_the_first_step_and_ends_with_success(running):
    assert running.running
    running.advance(8.0, 109.0)
    assert running.elapsed_s == 3.0
    running.observe_scene(SCENE, True, 8.5)
    assert (running.outcome, running.elapsed_s) == (EpisodeOutcome.SUCCESS, 3.5)
    running.advance(30.0, 140.0)
    assert running.elapsed_s == 3.5


def test_fails_at_the_time_limit(running):
    running.advance(20.0, 130.0)
    assert (running.outcome, running.reason) == (EpisodeOutcome.FAILURE, "not done within 15 s")
    assert running.outcome.carried_out


def test_success_of_another_scene_does_not_count(running):
    running.observe_scene(EpisodeScene("close_laptop", "easy", 4), True, 6.0)
    assert running.running


def test_a_long_hold_aborts_with_the_gate_s_reason(running):
    running.observe_gate(False, "chunk 7 has run out", 6.0)
    running.observe_gate(False, "chunk 7 has run out", 8.0)
    running.advance(8.9, 110.0)
    assert running.running
    running.advance(9.1, 110.2)
    assert running.outcome is EpisodeOutcome.ABORTED
    assert running.reason == "the gate has held for 3 s: chunk 7 has run out"


def test_a_policy_that_sends_nothing_is_not_waited_for(episode):
    episode.observe_scene(SCENE, False, 1.0)
    episode.observe_gate(False, "no chunk yet", 1.0)
    episode.advance(10.9, 112.0)
    assert episode.outcome is None
    episode.advance(11.1, 112.2)
    assert episode.outcome is EpisodeOutcome.ABORTED
    assert episode.reason == "the gate has held for 10 s: no chunk yet"


def test_a_short_hold_is_forgiven(running):
    running.observe_gate(False, "chunk 7 has run out", 6.0)
    running.observe_gate(True, "", 7.0)
    running.advance(14.0, 112.0)
    assert running.running


def test_time_that_stands_still_aborts(running):
    running.advance(5.0, 114.0)
    assert running.running
    running.advance(5.0, 115.1)
    assert (running.outcome, running.reason) == (
        EpisodeOutcome.ABORTED,
        "time has stood still for 10 s",
    )


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (lambda c: c.observe_gate(False, "no chunk yet", 1.0), "is the sim node active"),
        (lambda c: c.observe_scene(EpisodeScene("a", "easy", 0), False, 1.0), "the twin shows"),
        (
            lambda c: (
                c.observe_scene(SCENE, False, 1.0),
                c.observe_gate(False, "no chunk yet", 1.0),
            ),
            "no policy step was executed; the gate: no chunk yet",
        ),
    ],
)
def test_a_stack_that_does_not_start_is_given_up_with_what_is_missing(episode, seen, says):
    seen(episode)
    episode.advance(1.0, 101.0)
    episode.advance(1.0, 162.0)
    assert episode.outcome is EpisodeOutcome.ABORTED
    assert "not started after 60 s" in episode.reason
    assert says in episode.reason


def test_a_model_that_takes_its_time_to_load_takes_none_of_the_patience_for_the_start(episode):
    episode.observe_gate(False, "not active", 0.0, active=False)
    episode.advance(0.0, 299.0)
    episode.observe_scene(SCENE, False, 1.0)
    episode.advance(1.0, 300.0)
    episode.advance(2.0, 359.0)
    assert episode.outcome is None


def test_a_stack_that_never_comes_up_is_given_up_with_what_is_waited_for(episode):
    episode.advance(0.0, 301.0)
    assert episode.outcome is EpisodeOutcome.ABORTED
    assert episode.reason == (
        "not started after 200 s: the stack is not up; the manager says what it waits for"
    )


def test_an_interrupted_episode_says_whether_the_gate_was_holding(running):
    running.observe_gate(False, "chunk 7 has run out", 6.0)
    running.interrupt()
    assert running.outcome is EpisodeOutcome.INTERRUPTED
    assert running.reason == "while the gate was holding: chunk 7 has run out"
    assert not running.outcome.carried_out


def test_a_gate_that_is_not_active_yet_is_no_hold(episode):
    episode.observe_scene(SCENE, False, 1.0)
    episode.observe_gate(False, "not active", 1.0, active=False)
    episode.advance(30.0, 130.0)
    episode.observe_gate(False, "no chunk yet", 30.0)
    episode.advance(39.0, 139.0)
    assert episode.outcome is None


def test_where_nobody_judges_the_episode_starts_without_a_scene_and_ends_unjudged():
    episode = EpisodeStateMachine(
        EpisodeScene("close_laptop"), LIMIT_S, Patience(), wall_s=100.0, judged=False
    )
    assert not episode.wants_reset()
    episode.observe_gate(True, "", 5.0)
    episode.observe_step(5.0)
    episode.advance(20.0, 130.0)
    assert episode.outcome is EpisodeOutcome.UNJUDGED
    assert episode.outcome.carried_out
    assert episode.reason == "time limit; nobody judged success"


def test_where_a_person_judges_in_the_twin_its_scene_is_not_compared():
    episode = EpisodeStateMachine(
        EpisodeScene("close_laptop"), LIMIT_S, Patience(), wall_s=100.0, judged=False
    )
    episode.observe_scene(SCENE, True, 1.0)
    assert not episode.wants_reset()
    episode.observe_gate(True, "", 1.0)
    episode.observe_step(1.0)
    episode.observe_scene(SCENE, True, 2.0)
    assert episode.running
    episode.advance(1.0 + LIMIT_S, 200.0)
    assert episode.outcome is EpisodeOutcome.UNJUDGED


@pytest.mark.parametrize("when", ["before it begins", "while it runs", "at the time limit"])
def test_an_emergency_stop_ends_it_as_stopped_and_its_clock_with_it(episode, when):
    if when != "before it begins":
        episode.observe_scene(SCENE, False, 5.0)
        episode.observe_step(5.0)
        episode.advance(5.0, 105.0)
    if when == "at the time limit":
        episode.advance(5.0 + LIMIT_S - 0.01, 119.9)
    episode.stop("emergency stop (hold) by a hand")
    elapsed_s = episode.elapsed_s
    episode.stop("and once more")
    episode.advance(60.0, 160.0)
    assert episode.outcome is EpisodeOutcome.STOPPED
    assert episode.outcome.value == "stopped (emergency stop)"
    assert episode.reason == "emergency stop (hold) by a hand"
    assert episode.elapsed_s == elapsed_s < LIMIT_S
    assert not episode.outcome.carried_out

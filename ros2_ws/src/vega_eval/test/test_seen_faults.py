"""What is seen of stops, faults and refusals while a session runs, and what it ends."""

import contextlib
from types import SimpleNamespace

import pytest
from vega_eval.episode.episode_state_machine import (
    EpisodeOutcome,
    EpisodeScene,
    EpisodeStateMachine,
    Patience,
)
from vega_eval.errors import EvalError
from vega_eval.session.node_control import PolicyControl
from vega_eval.session.robot_backend import BackendError, Refused
from vega_eval.session.robot_health import PRESSED, RobotHealth
from vega_eval.session.ros_backend import RosBackend
from vega_eval.session.session_node import is_refusal
from vega_msgs.msg import ArmStatus, GateState

import hw_config
from teleop.session.consent import Consent


class Calls:
    """The gate and the policy node; a stop comes before the call of this number."""

    def __init__(self, stop_at, consent):
        self.stop_at, self.consent, self.asked, self.stopped = stop_at, consent, [], False

    def offer(self, kind, name):
        pass

    def _before(self, what):
        if len(self.asked) == self.stop_at:
            self.stopped = True
            self.consent.interrupt("the emergency stop was pressed")
        self.asked.append(what)

    def ask(self, name, request, consent=None):
        self._before(name)
        if self.stopped:
            raise Refused(f"{name}: emergency stop (hold) by a hand")

    def change(self, node, transition, timeout_s):
        self._before(transition)


@pytest.mark.parametrize("stop_at", range(5))
def test_a_stop_at_any_moment_of_a_trial_is_refused_or_rested_but_no_error(stop_at):
    consent = Consent(given=True)
    calls = Calls(stop_at, consent)
    policy = PolicyControl(calls, consent)
    with contextlib.suppress(Refused):
        policy.act()
    policy.rest()
    assert calls.asked[-1] == "gate/hold"
    assert calls.asked.count("activate") == calls.asked.count("deactivate")


class Topics:
    """A node that keeps who listens."""

    def __init__(self):
        self.heard = {}

    def create_subscription(self, kind, topic, callback, profile):
        self.heard[topic] = callback


def test_what_is_over_before_anybody_looks_is_seen_all_the_same():
    topics, consent = Topics(), Consent(given=True)
    RobotHealth(topics, hw_config.load(), trouble=consent.interrupt)
    arm, gate = topics.heard["left/follower/status"], topics.heard["gate/state"]
    arm(ArmStatus(enabled=True))
    gate(GateState(mode=GateState.HOLD, estops=1))
    gate(GateState(mode=GateState.EXECUTING, estops=1))
    assert consent.given

    arm(ArmStatus(enabled=False, text="emergency stop: hold the arm, then reset it"))
    arm(ArmStatus(enabled=True))
    assert consent.barred().startswith("the left arm was not enabled: emergency stop")

    consent.give()
    gate(GateState(mode=GateState.HOLD, estops=2))  # pressed and reset: only the newest is kept
    assert consent.barred() == "the emergency stop was pressed"


def test_as_long_as_something_is_wrong_no_consent_lasts():
    topics, consent, now_s = Topics(), Consent(given=True), [0.0]
    hardware = hw_config.load()
    health = RobotHealth(topics, hardware, lambda: now_s[0], trouble=consent.interrupt)
    topics.heard["gate/state"](GateState(mode=GateState.HOLD))
    for now_s[0] in (0.0, 1.0):
        for name in hardware.cameras:
            health.tap("camera", name, b"")
        for name in hardware.arms:
            health.tap("arm", name, b"")
    health.watch()
    assert consent.given
    now_s[0] = 4.0
    for _ in range(2):
        consent.give()
        health.watch()
        assert "has been silent for more than 2 s" in consent.barred()


class Trial:
    """A trial that runs, with nothing wrong now; only its consent knows what has been."""

    def __init__(self, why="", ends=False):
        consent = Consent(given=True)
        if why:
            consent.interrupt(why)
        self.episode = EpisodeStateMachine(EpisodeScene("close_laptop"), 60.0, Patience(90.0), 0.0)
        self.backend = SimpleNamespace(
            _consent=consent,
            _ends=lambda: ends,
            _stopping=lambda: False,
            _health=SimpleNamespace(problems=list, estopped=False),
            observer=SimpleNamespace(gate=None),
        )

    def watch(self):
        return RosBackend._watch_until_over(self.backend, self.episode)


def test_a_fault_that_is_over_before_anybody_looks_ends_a_trial_all_the_same():
    trial = Trial("the left arm was not enabled: bus-off")
    assert trial.watch() == ("the left arm was not enabled: bus-off", False)
    assert trial.episode.outcome is EpisodeOutcome.ABORTED


def test_a_stop_that_is_left_before_anybody_looks_is_a_stop_all_the_same():
    trial = Trial(PRESSED)
    assert trial.watch() == ("", True)
    assert trial.episode.outcome is EpisodeOutcome.STOPPED


def test_a_trial_that_is_ended_by_hand_has_no_problem():
    assert Trial("the trial was ended by hand", ends=True).watch() == ("", False)


def test_only_who_asks_for_what_is_wrong_is_refused_and_a_crash_keeps_its_logs():
    assert is_refusal(Refused("node policy refused to configure"))
    assert is_refusal(EvalError("no such checkpoint"))
    assert not is_refusal(BackendError("node policy died while asked to configure"))


@pytest.mark.parametrize("error", [Refused, BackendError])
def test_a_policy_that_is_tried_out_fails_as_its_node_does(error):
    def change(node, transition, timeout_s):
        raise error("node policy says no, or nothing any more")

    consent = Consent(given=True)
    calls = Calls(None, consent)
    calls.change = change
    with pytest.raises(BackendError) as raised:
        PolicyControl(calls, consent).try_out("folder", "A")
    assert type(raised.value) is error

"""Whether arms follow their leaders, on both kinds of buses."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from vega_msgs.msg import GateState
from vega_teleop import leading

import hw_config
from teleop.session.consent import Consent

HW = hw_config.load()


class Joints:
    """The newest joint states."""

    def __init__(self):
        self.messages = {}
        for name, arm in HW.arms.items():
            for role in ("leader", "follower"):
                self.set(name, role, list(arm.home))

    def set(self, arm, role, positions):
        message = JointState(name=list(HW.arms[arm].joint_names), position=positions)
        self.messages[f"/{arm}/{role}/joint_states"] = serialize_message(message)


@pytest.fixture
def joints():
    return Joints()


@pytest.fixture
def shared(joints):
    return leading.ByThemselves(HW, joints.messages.get)


def test_arms_that_follow_lack_nothing(shared):
    assert shared.lacking() == []
    assert shared.hand_over() is None


def test_a_leader_far_from_its_arm_is_told_with_joint_and_distance(shared, joints):
    far = list(HW.arms["left"].home)
    far[2] += 0.42
    joints.set("left", "leader", far)
    (text,) = shared.lacking()
    assert "the left arm does not stand where its leader is (left_joint3 by +0.42 rad)" in text
    assert "move the leader slowly" in text


def test_jaws_that_hold_something_are_no_reason(shared, joints):
    closed = list(HW.arms["right"].home)
    closed[6] = 0.0
    joints.set("right", "leader", closed)
    assert shared.lacking() == []


def test_what_has_not_come_yet_is_told_by_others(shared, joints):
    del joints.messages["/left/leader/joint_states"]
    assert shared.lacking() == []


class Gate:
    """A node beside a gate that answers at once."""

    def __init__(self):
        self.asked = 0
        self.answer = Trigger.Response(success=True)
        self.follows = None

    def create_client(self, kind, name):
        assert name == "gate/follow_leader"
        return SimpleNamespace(service_is_ready=lambda: True, call_async=self.ask)

    def create_subscription(self, kind, topic, callback, profile):
        self.say = lambda mode, reason="", estops=0: callback(
            GateState(mode=mode, reason=reason, estops=estops)
        )

    def ask(self, request):
        self.asked += 1
        return SimpleNamespace(done=lambda: True, result=lambda: self.answer)


@pytest.fixture
def gate(monkeypatch):
    monkeypatch.setattr(leading, "_ASK_S", 0.0)
    return Gate()


@pytest.fixture
def gated(gate):
    return leading.ByGate(gate, Consent(given=True))


def test_the_gate_is_asked_until_the_leaders_stand_where_the_arms_are(gate, gated):
    assert gated.lacking() == ["no state of the gate"]
    gate.answer = Trigger.Response(success=False, message="move right_joint2 by +0.30 rad")
    gate.say(GateState.HOLD)
    gated.lacking()
    assert gated.lacking() == ["move right_joint2 by +0.30 rad"]
    gate.answer = Trigger.Response(success=True)
    gated.lacking()
    gate.say(GateState.LEADER)
    assert gated.lacking() == []


def test_a_gate_that_stopped_following_is_asked_only_when_a_take_is_wanted(gate, gated):
    gate.say(GateState.HOLD)
    gated.lacking()
    gate.say(GateState.LEADER)
    asked = gate.asked
    gate.say(GateState.HOLD, "the right leader is silent")
    (text,) = gated.lacking()
    assert "the gate holds (the right leader is silent); start (s)" in text
    assert gate.asked == asked
    assert "start again (s)" in gated.hand_over()
    assert gate.asked == asked + 1


def test_in_the_twin_the_gate_is_asked_again_by_itself(gate):
    gated = leading.ByGate(gate, Consent(unattended=True, given=True))
    gate.say(GateState.LEADER)
    gate.say(GateState.HOLD, "the scene was reset")
    gated.lacking()
    assert gate.asked == 1


def test_a_stopped_gate_is_not_asked(gate, gated):
    gate.say(GateState.ESTOP, "emergency stop by the key")
    assert gated.lacking() == ["the gate is stopped (emergency stop by the key)"]
    assert gated.hand_over() is None
    assert gate.asked == 0


def test_a_stop_or_a_fault_before_the_arms_follow_ends_the_consent_of_the_launch(gate):
    for happens in (
        lambda each: gate.say(GateState.ESTOP, "by the key"),
        lambda each: each.interrupt("the left arm was not enabled"),
    ):
        gated = leading.ByGate(gate, Consent(given=True))
        gate.say(GateState.HOLD)
        happens(gated)
        gate.say(GateState.HOLD, "paused")
        asked = gate.asked
        (text,) = gated.lacking()
        assert "once people stand clear (the " in text
        assert gate.asked == asked
        gated.hand_over()
        assert gate.asked == asked + 1


def test_a_stop_that_was_left_before_anybody_listened_ends_the_consent_of_the_launch(gate, gated):
    gate.say(GateState.HOLD, "paused", estops=1)
    (text,) = gated.lacking()
    assert "once people stand clear (the emergency stop was pressed)" in text
    assert gate.asked == 0


def test_a_consent_that_waits_for_the_leaders_does_not_survive_a_stop(gate, gated):
    gate.say(GateState.HOLD)
    gated.hand_over()
    gate.say(GateState.ESTOP)
    gate.say(GateState.HOLD)
    asked = gate.asked
    gated.lacking()
    assert gate.asked == asked


@pytest.mark.parametrize("seed", range(20))
def test_the_gate_is_never_asked_without_a_consent_newer_than_the_last_stop_or_fault(gate, seed):
    dice = random.Random(seed)
    gated = leading.ByGate(gate, Consent(given=True))
    clear, asked = True, 0
    for _ in range(300):
        what = dice.choice(("hold", "hold", "follows", "stop", "fault", "poll", "poll", "start"))
        if what in ("stop", "fault", "follows"):
            clear = False
        if what == "fault":
            gated.interrupt("the right arm was not enabled")
        elif what == "poll":
            gated.lacking()
        elif what == "start":
            clear = gated.hand_over() is not None or clear
        else:
            modes = {"hold": GateState.HOLD, "follows": GateState.LEADER, "stop": GateState.ESTOP}
            gate.say(modes[what])
        assert gate.asked == asked or clear
        asked = gate.asked

"""The sim node with leader arms, over real topics: on the followers' bus, and on their own."""

import contextlib

import numpy as np
import pytest
import rclpy
from rclpy.lifecycle import TransitionCallbackReturn
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool, Trigger
from vega_control.gate_node import GateNode
from vega_msgs.msg import ArmStatus, GateState, LeaderJog, TaskState
from vega_msgs.srv import ResetScene
from vega_runtime import qos
from vega_runtime.stamps import to_ns
from vega_sim.leaders import OperatorError
from vega_sim.sim_node import SimNode

import hw_config

from .conftest import NodeRig

HOME = np.array(hw_config.load().arms["right"].home)


class LeaderRig(NodeRig):
    """The sim node, the gate if asked for, and somebody who listens to the right arm."""

    def __init__(self, *nodes):
        self.sim = SimNode()
        tested = [self.sim, GateNode()] if "gate" in nodes else [self.sim]
        super().__init__(*tested)
        for topic, kind, profile in (
            ("right/leader/joint_states", JointState, qos.SENSOR),
            ("right/follower/joint_states", JointState, qos.SENSOR),
            ("right/follower/status", ArmStatus, qos.LATCHED),
            ("sim/task_state", TaskState, qos.LATCHED),
            ("gate/state", GateState, qos.LATCHED),
        ):
            self.listen(kind, topic, profile)
        self.jogs = self.node.create_publisher(LeaderJog, "operator/jog", qos.COMMAND)
        for node in tested:
            assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
            assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS

    def last(self, topic):
        self.until(lambda: self.heard[topic])
        return self.heard[topic][-1]

    def where(self, role):
        return np.array(self.last(f"right/{role}/joint_states").position)

    def is_home(self):
        return all(np.abs(self.where(role) - HOME).max() < 0.01 for role in ("leader", "follower"))

    def close(self):
        self.sim.close()
        super().close()


@contextlib.contextmanager
def launched(operator, *nodes):
    words = ["--ros-args"]
    for each in (f"sim:operator:={operator}", "sim:cameras:=['head']", "gate:use_sim_time:=true"):
        words += ["-p", each]
    rclpy.init(args=words)
    rig = LeaderRig(*nodes)
    yield rig
    rig.close()
    rclpy.shutdown()


@pytest.fixture
def shared():
    with launched("scripted") as rig:
        yield rig


@pytest.fixture
def keyboard():
    with launched("keyboard") as rig:
        yield rig


@pytest.fixture
def separate(bus_per_arm):
    with launched("scripted", "gate") as rig:
        yield rig


def stamp_ns(message):
    return to_ns(message.header.stamp)


def test_on_a_shared_bus_the_followers_obey_their_leaders_and_nobody_else(shared):
    assert not shared.last("right/follower/status").enabled
    assert "leader" in shared.last("right/follower/status").text
    assert shared.node.count_subscribers("right/follower/command") == 0
    answer = shared.call(SetBool, "operator/act", data=True)
    assert answer.success
    assert answer.message == "the script of close_laptop begins"
    shared.until(lambda: shared.last("sim/task_state").success)
    led = shared.heard["right/leader/joint_states"]

    def pairs():
        followed = {stamp_ns(m): m for m in shared.heard["right/follower/joint_states"]}
        return [(m, followed[stamp_ns(m)]) for m in led if stamp_ns(m) in followed]

    # What a busy computer loses of either is made up for by what comes later.
    shared.until(lambda: len(pairs()) > 0.8 * len(led) > 100)
    for leader, follower in pairs():
        assert leader.name == follower.name
        np.testing.assert_allclose(leader.position[:6], follower.position[:6], atol=0.1)


def test_leaders_are_measured_like_the_arms(shared):
    shared.call(SetBool, "operator/act", data=True)
    heard = shared.heard["right/leader/joint_states"]
    shared.until(lambda: len(heard) > 200)
    ticks = np.diff([stamp_ns(m) for m in heard]) / 5_000_000
    np.testing.assert_array_equal(ticks, np.round(ticks))
    next_ones = np.flatnonzero(ticks == 1)
    moved = np.diff([m.position for m in heard], axis=0)[next_ones] / 0.005
    said = np.array([m.velocity for m in heard[1:]])[next_ones]
    np.testing.assert_allclose(said, moved, atol=1e-6)
    assert np.abs(said).max() > 0.1


def test_after_a_take_the_arms_go_home_and_another_scene_is_laid(shared):
    shared.call(SetBool, "operator/act", data=True)
    shared.until(lambda: not shared.is_home())
    assert shared.call(SetBool, "operator/act", data=False).success
    shared.until(shared.is_home)
    answer = shared.call(ResetScene, "sim/reset", task="handover_cucumber", variant="", seed=3)
    assert answer.success, answer.message
    shared.until(lambda: shared.last("sim/task_state").episode == answer.episode)
    answer = shared.call(SetBool, "operator/act", data=True)
    assert answer.message == "the script of handover_cucumber begins"
    shared.until(lambda: not shared.is_home())


def test_from_the_keyboard_a_leader_goes_where_keys_say(keyboard):
    refused = keyboard.call(SetBool, "operator/act", data=True)
    assert not refused.success
    assert "ros2 run vega_sim drive" in refused.message
    keyboard.until(lambda: keyboard.jogs.get_subscription_count() > 0)

    def pushed():
        keyboard.jogs.publish(LeaderJog(arm="right", linear=[0.0, 0.1, 0.0]))
        return keyboard.where("follower")[0] >= HOME[0] + 0.1

    keyboard.until(pushed)
    # Nonsense is refused in the log, and does no harm.
    keyboard.jogs.publish(LeaderJog(arm="middle", linear=[0.0, 0.1, 0.0]))
    assert keyboard.call(SetBool, "operator/act", data=False).message == "the leaders go home"
    keyboard.until(keyboard.is_home)


def test_with_buses_of_their_own_the_leaders_lead_through_the_gate(separate):
    separate.until(lambda: separate.last("right/follower/status").enabled)
    separate.until(lambda: "no chunk yet" in separate.last("gate/state").reason)
    answer = separate.call(Trigger, "gate/follow_leader")
    assert answer.success, answer.message
    separate.until(lambda: separate.last("gate/state").mode == GateState.LEADER)
    assert separate.call(SetBool, "operator/act", data=True).success
    separate.until(lambda: separate.last("sim/task_state").success)
    assert separate.call(SetBool, "operator/act", data=False).success
    separate.until(separate.is_home)
    assert separate.last("gate/state").mode == GateState.LEADER


def test_with_buses_of_their_own_leaders_that_nobody_follows_move_no_arm(separate):
    separate.until(lambda: "no chunk yet" in separate.last("gate/state").reason)
    assert separate.call(SetBool, "operator/act", data=True).success
    separate.until(lambda: np.abs(separate.where("leader") - HOME).max() > 0.19)
    np.testing.assert_allclose(separate.where("follower"), HOME, atol=0.01)


def test_an_operator_that_does_not_exist_ends_the_node_in_words():
    rclpy.init(args=["--ros-args", "-p", "operator:=robot"])
    try:
        with pytest.raises(OperatorError, match="expected one of none, scripted, keyboard"):
            SimNode()
    finally:
        rclpy.shutdown()

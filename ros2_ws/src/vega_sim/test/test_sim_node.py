"""The sim node over real topics in one process: what the drivers will publish, and its services."""

import numpy as np
import pytest
import rclpy
from rclpy.lifecycle import TransitionCallbackReturn
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_srvs.srv import Trigger
from vega_msgs.msg import ArmCommand, ArmStatus, TaskState
from vega_msgs.srv import InjectFault, ResetScene
from vega_runtime import images, qos
from vega_runtime.stamps import to_ns
from vega_sim.sim_node import SimNode

import hw_config

from .conftest import NodeRig

HARDWARE = hw_config.load()
HEAD = HARDWARE.cameras["head"]


class SimRig(NodeRig):
    """The sim node, and somebody who listens to it."""

    def __init__(self):
        self.sim = SimNode()
        super().__init__(self.sim)
        for topic, kind, profile in (
            ("/clock", Clock, 10),
            ("left/follower/joint_states", JointState, qos.SENSOR),
            ("right/follower/joint_states", JointState, qos.SENSOR),
            ("right/follower/status", ArmStatus, qos.LATCHED),
            (f"{HEAD.namespace}/image_raw", Image, qos.SENSOR),
            (f"{HEAD.namespace}/camera_info", CameraInfo, qos.SENSOR),
            ("sim/task_state", TaskState, qos.LATCHED),
        ):
            self.listen(kind, topic, profile)

    def wait_for(self, topic, count=1, where=lambda message: True):
        self.until(lambda: sum(map(where, self.heard[topic])) >= count)
        return [message for message in self.heard[topic] if where(message)][-1]

    def command(self, arm, first_joint):
        config = HARDWARE.arms[arm]
        publisher = self.node.create_publisher(ArmCommand, f"{arm}/follower/command", qos.COMMAND)
        self.until(lambda: publisher.get_subscription_count() > 0)
        positions = [first_joint, *config.home[1:]]
        message = ArmCommand(names=list(config.joint_names), positions=positions)
        message.header.stamp = self.heard["/clock"][-1].clock
        message.deadline.sec = message.header.stamp.sec + 100
        publisher.publish(message)

    def close(self):
        self.sim.close()
        super().close()


@pytest.fixture(scope="module")
def ros():
    rclpy.init()
    yield
    rclpy.shutdown()


@pytest.fixture(scope="module")
def rig(ros):
    rig = SimRig()
    assert rig.sim.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert rig.sim.trigger_activate() == TransitionCallbackReturn.SUCCESS
    yield rig
    rig.close()


def test_joint_states_carry_the_joints_of_the_arm_at_its_rate(rig):
    topic = "left/follower/joint_states"
    message = rig.wait_for(topic, 20)
    arm = HARDWARE.arms["left"]
    assert message.name == list(arm.joint_names)
    np.testing.assert_allclose(message.position, arm.home, atol=0.02)
    assert len(message.velocity) == len(message.effort) == 7
    stamps = [to_ns(m.header.stamp) for m in rig.heard[topic]]
    assert set(np.diff(stamps) % 5_000_000) == {0}


def test_pictures_come_with_their_camera_info(rig):
    image = rig.wait_for(f"{HEAD.namespace}/image_raw")
    assert (image.width, image.height, image.encoding) == (640, 480, "rgb8")
    assert image.header.frame_id == HEAD.frame_id
    assert images.from_message(image).std() > 10.0
    info = rig.wait_for(
        f"{HEAD.namespace}/camera_info",
        where=lambda info: info.header.stamp == image.header.stamp,
    )
    assert (info.width, info.height, info.header.frame_id) == (640, 480, HEAD.frame_id)


def test_an_arm_obeys_a_command_for_it(rig):
    rig.command("left", HARDWARE.arms["left"].home[0] + 0.1)
    rig.wait_for("left/follower/joint_states", where=lambda m: m.position[0] > 0.09)


def test_a_reset_lays_the_scene_that_is_asked_for(rig):
    answer = rig.call(ResetScene, "sim/reset", task="", variant="", seed=5)
    assert answer.success, answer.message
    state = rig.wait_for("sim/task_state", where=lambda state: state.episode == answer.episode)
    assert (state.task, state.variant, state.seed) == ("close_laptop", "easy", 5)
    assert not state.success
    assert 0.05 < state.signs.closest_m < 1.0


def test_what_happens_in_an_episode_comes_with_its_state(rig):
    before = rig.wait_for("sim/task_state").signs.stalled_s
    rig.wait_for("sim/task_state", where=lambda state: state.signs.stalled_s > before + 0.2)
    assert not rig.heard["sim/task_state"][-1].signs.touched


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"task": "fold_towel", "variant": "easy", "seed": 0}, "close_laptop"),
        ({"task": "", "variant": "", "seed": -1}, "a seed is 0 or more"),
    ],
)
def test_a_scene_that_does_not_exist_is_refused_and_the_old_one_stays(rig, request_, says):
    before = rig.wait_for("sim/task_state").episode
    answer = rig.call(ResetScene, "sim/reset", **request_)
    assert not answer.success
    assert says in answer.message
    assert rig.heard["sim/task_state"][-1].episode == before


def test_an_injected_fault_shows_in_the_arm_s_status(rig):
    assert rig.call(InjectFault, "sim/inject_fault", kind="arm_disabled", target="right").success
    rig.wait_for("right/follower/status", where=lambda status: not status.enabled)
    assert rig.call(InjectFault, "sim/inject_fault", kind="none", target="").success
    rig.until(lambda: rig.heard["right/follower/status"][-1].enabled)
    answer = rig.call(InjectFault, "sim/inject_fault", kind="arm_disabled", target="middle")
    assert "left, right" in answer.message


def test_an_arm_is_stopped_and_enabled_as_by_its_driver(rig):
    def ask(name):
        return rig.call(Trigger, f"right/follower/{name}")

    def told(text):
        rig.until(lambda: rig.heard["right/follower/status"][-1].text == text)

    assert ask("disable").success
    told("no power; call right/follower/enable")
    assert not rig.heard["right/follower/status"][-1].enabled
    assert ask("enable").success
    told("enabled")
    assert ask("stop").success
    told("emergency stop; call right/follower/reset, then right/follower/enable")
    refused = ask("enable")
    assert not refused.success
    assert "right/follower/reset" in refused.message
    assert ask("reset").success
    told("no power; call right/follower/enable")
    assert ask("enable").success
    told("enabled")


def test_an_arm_without_power_obeys_no_command_and_the_other_does(rig):
    assert rig.call(Trigger, "right/follower/disable").success
    for arm in HARDWARE.arms:
        rig.command(arm, HARDWARE.arms[arm].home[0] + 0.2)
    rig.wait_for("left/follower/joint_states", where=lambda m: m.position[0] > 0.19)
    assert rig.heard["right/follower/joint_states"][-1].position[0] < 0.02
    assert rig.call(Trigger, "right/follower/enable").success


def test_the_clock_stands_still_while_inactive(rig):
    assert rig.sim.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    while rig.heard["/clock"]:  # what was still on its way
        rig.heard["/clock"].clear()
        for _ in range(10):
            rig.executor.spin_once(timeout_sec=0.01)
    assert rig.sim.trigger_activate() == TransitionCallbackReturn.SUCCESS
    rig.wait_for("/clock")

"""The sim node over real topics in one process: what the drivers will publish, and its services."""

import time

import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_srvs.srv import Trigger
from vega_msgs.msg import ArmCommand, ArmStatus, TaskState
from vega_msgs.srv import InjectFault, ResetScene
from vega_runtime import images, qos
from vega_sim.sim_node import SimNode

import hw_config

WAIT_S = 60.0
HARDWARE = hw_config.load()
HEAD = HARDWARE.cameras["head"]


class Desk:
    """The sim node, and somebody who listens to it."""

    def __init__(self):
        self.sim = SimNode()
        self.node = rclpy.create_node("desk")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.sim)
        self.executor.add_node(self.node)
        self.heard = {}
        for topic, kind, profile in (
            ("/clock", Clock, 10),
            ("left/follower/joint_states", JointState, qos.SENSOR),
            ("right/follower/joint_states", JointState, qos.SENSOR),
            ("right/follower/status", ArmStatus, qos.LATCHED),
            (f"{HEAD.namespace}/image_raw", Image, qos.SENSOR),
            (f"{HEAD.namespace}/camera_info", CameraInfo, qos.SENSOR),
            ("sim/task_state", TaskState, qos.LATCHED),
        ):
            heard = self.heard[topic] = []
            self.node.create_subscription(kind, topic, heard.append, profile)

    def until(self, condition):
        end = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < end, (
                f"heard only { ({k: len(v) for k, v in self.heard.items()}) }"
            )
            self.executor.spin_once(timeout_sec=0.05)

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

    def call(self, kind, name, /, **fields):
        client = self.node.create_client(kind, name)
        self.until(client.service_is_ready)
        future = client.call_async(kind.Request(**fields))
        self.until(future.done)
        return future.result()

    def close(self):
        self.sim.close()
        self.executor.shutdown()
        self.sim.destroy_node()
        self.node.destroy_node()


@pytest.fixture(scope="module")
def ros():
    rclpy.init()
    yield
    rclpy.shutdown()


@pytest.fixture(scope="module")
def desk(ros):
    desk = Desk()
    assert desk.sim.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert desk.sim.trigger_activate() == TransitionCallbackReturn.SUCCESS
    yield desk
    desk.close()


def test_joint_states_carry_the_joints_of_the_arm_at_its_rate(desk):
    topic = "left/follower/joint_states"
    message = desk.wait_for(topic, 20)
    arm = HARDWARE.arms["left"]
    assert message.name == list(arm.joint_names)
    np.testing.assert_allclose(message.position, arm.home, atol=0.02)
    assert len(message.velocity) == len(message.effort) == 7
    stamps = [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in desk.heard[topic]]
    assert set(np.diff(stamps) % 5_000_000) == {0}


def test_pictures_come_with_their_camera_info(desk):
    picture = desk.wait_for(f"{HEAD.namespace}/image_raw")
    assert (picture.width, picture.height, picture.encoding) == (640, 480, "rgb8")
    assert picture.header.frame_id == HEAD.frame_id
    assert images.from_message(picture).std() > 10.0
    info = desk.wait_for(
        f"{HEAD.namespace}/camera_info",
        where=lambda info: info.header.stamp == picture.header.stamp,
    )
    assert (info.width, info.height, info.header.frame_id) == (640, 480, HEAD.frame_id)


def test_an_arm_obeys_a_command_for_it(desk):
    desk.command("left", HARDWARE.arms["left"].home[0] + 0.1)
    desk.wait_for("left/follower/joint_states", where=lambda m: m.position[0] > 0.09)


def test_a_reset_lays_the_scene_that_is_asked_for(desk):
    answer = desk.call(ResetScene, "sim/reset", task="", variant="", seed=5)
    assert answer.success, answer.message
    state = desk.wait_for("sim/task_state", where=lambda state: state.episode == answer.episode)
    assert (state.task, state.variant, state.seed) == ("close_laptop", "easy", 5)
    assert not state.success
    assert 0.05 < state.signs.closest_m < 1.0


def test_what_happens_in_an_episode_comes_with_its_state(desk):
    before = desk.wait_for("sim/task_state").signs.stalled_s
    desk.wait_for("sim/task_state", where=lambda state: state.signs.stalled_s > before + 0.2)
    assert not desk.heard["sim/task_state"][-1].signs.touched


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"task": "fold_towel", "variant": "easy", "seed": 0}, "close_laptop"),
        ({"task": "", "variant": "", "seed": -1}, "a seed is 0 or more"),
    ],
)
def test_a_scene_that_does_not_exist_is_refused_and_the_old_one_stays(desk, request_, says):
    before = desk.wait_for("sim/task_state").episode
    answer = desk.call(ResetScene, "sim/reset", **request_)
    assert not answer.success
    assert says in answer.message
    assert desk.heard["sim/task_state"][-1].episode == before


def test_an_injected_fault_shows_in_the_arm_s_status(desk):
    assert desk.call(InjectFault, "sim/inject_fault", kind="arm_disabled", target="right").success
    desk.wait_for("right/follower/status", where=lambda status: not status.enabled)
    assert desk.call(InjectFault, "sim/inject_fault", kind="none", target="").success
    desk.until(lambda: desk.heard["right/follower/status"][-1].enabled)
    answer = desk.call(InjectFault, "sim/inject_fault", kind="arm_disabled", target="middle")
    assert "left, right" in answer.message


def test_an_arm_is_stopped_and_enabled_as_by_its_driver(desk):
    def ask(name):
        return desk.call(Trigger, f"right/follower/{name}")

    def told(text):
        desk.until(lambda: desk.heard["right/follower/status"][-1].text == text)

    assert ask("disable").success
    told("no power; call right/follower/enable")
    assert not desk.heard["right/follower/status"][-1].enabled
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


def test_an_arm_without_power_obeys_no_command_and_the_other_does(desk):
    assert desk.call(Trigger, "right/follower/disable").success
    for arm in HARDWARE.arms:
        desk.command(arm, HARDWARE.arms[arm].home[0] + 0.2)
    desk.wait_for("left/follower/joint_states", where=lambda m: m.position[0] > 0.19)
    assert desk.heard["right/follower/joint_states"][-1].position[0] < 0.02
    assert desk.call(Trigger, "right/follower/enable").success


def test_the_clock_stands_still_while_inactive(desk):
    assert desk.sim.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    while desk.heard["/clock"]:  # what was still on its way
        desk.heard["/clock"].clear()
        for _ in range(10):
            desk.executor.spin_once(timeout_sec=0.01)
    assert desk.sim.trigger_activate() == TransitionCallbackReturn.SUCCESS
    desk.wait_for("/clock")

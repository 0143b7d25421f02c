"""The emulation node over real topics and buses: what the drivers will find."""

import time

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from vega_arms import buses
from vega_cameras.emulation.frame_link import LinkReader
from vega_msgs.msg import TaskState
from vega_msgs.srv import InjectFault, ResetScene
from vega_runtime import qos
from vega_sim.emulation_node import EmulationNode

import hw_config

WAIT_S = 60.0
HARDWARE = hw_config.load()


class Desk:
    """The node, somebody who listens to it, and the ends of a bus and of the pictures' link."""

    def __init__(self):
        self.emulation = EmulationNode()
        self.node = rclpy.create_node("desk")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.emulation)
        self.executor.add_node(self.node)
        self.states, self.reports = [], []
        subscribe = self.node.create_subscription
        subscribe(TaskState, "sim/task_state", self.states.append, qos.LATCHED)
        subscribe(DiagnosticArray, "/diagnostics", self.reports.append, qos.REPORT)
        self.link = LinkReader()
        self.bus = buses.open_bus("udp_multicast", HARDWARE.arms["right"].can)

    def until(self, condition):
        end = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < end
            self.executor.spin_once(timeout_sec=0.02)

    def call(self, kind, name, /, **fields):
        client = self.node.create_client(kind, name)
        self.until(client.service_is_ready)
        future = client.call_async(kind.Request(**fields))
        self.until(future.done)
        return future.result()

    def close(self):
        self.emulation.close()
        self.executor.shutdown()
        self.emulation.destroy_node()
        self.node.destroy_node()
        self.bus.shutdown()
        self.link.close()


@pytest.fixture(scope="module")
def desk():
    rclpy.init(args=[])
    desk = Desk()
    assert desk.emulation.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert desk.emulation.trigger_activate() == TransitionCallbackReturn.SUCCESS
    yield desk
    desk.close()
    rclpy.shutdown()


def test_its_arms_speak_on_their_buses(desk):
    heard = {desk.bus.recv(5.0).arbitration_id for _ in range(100)}
    assert heard >= {0x2A1, 0x2A5, 0x2A6, 0x2A7, 0x2A8, 0x251, 0x261}


def test_its_cameras_send_pictures_stamped_with_the_system_s_time(desk):
    seen = {}
    end = time.monotonic() + WAIT_S
    while set(seen) != set(HARDWARE.cameras) and time.monotonic() < end:
        picture = desk.link.read(1.0)
        if picture is not None:
            seen[picture.camera] = picture
    assert set(seen) == set(HARDWARE.cameras)
    for picture in seen.values():
        assert picture.pixels.shape == (480, 640, 3)
        assert picture.pixels.std() > 10.0
        assert 0 <= time.time_ns() - picture.captured_ns < WAIT_S * 1e9


def test_it_tells_the_episode_s_state_and_no_topic_of_a_driver(desk):
    desk.until(lambda: desk.states and desk.reports)
    assert (desk.states[-1].task, desk.states[-1].seed) == ("close_laptop", 0)
    signs = desk.states[-1].signs
    assert 0.05 < signs.closest_m < 1.0
    assert not signs.touched
    names = [name for name, _ in desk.node.get_topic_names_and_types()]
    assert not any("follower" in name or "image" in name or name == "/clock" for name in names)
    (status,) = desk.reports[-1].status
    assert {"real_time_factor", "frames_head", "skipped_head"} <= {v.key for v in status.values}


def test_a_reset_lays_the_scene_that_is_asked_for(desk):
    answer = desk.call(ResetScene, "sim/reset", task="handover_cucumber", variant="hard", seed=7)
    assert answer.success, answer.message
    desk.until(lambda: desk.states[-1].episode == answer.episode)
    state = desk.states[-1]
    assert (state.task, state.variant, state.seed) == ("handover_cucumber", "hard", 7)
    before = state.episode
    refused = desk.call(ResetScene, "sim/reset", task="", variant="", seed=-1)
    assert not refused.success
    assert "0 or more" in refused.message
    assert desk.states[-1].episode == before


def test_a_silent_arm_says_nothing_until_the_fault_ends(desk):
    def frames_within(seconds):
        while desk.bus.recv(0.0) is not None:
            pass
        return desk.bus.recv(seconds) is not None

    assert desk.call(InjectFault, "sim/inject_fault", kind="silence", target="right").success
    desk.until(lambda: not frames_within(0.1))
    assert desk.call(InjectFault, "sim/inject_fault", kind="none", target="").success
    assert frames_within(WAIT_S)
    refused = desk.call(InjectFault, "sim/inject_fault", kind="flood", target="right")
    assert "unknown fault 'flood'" in refused.message


def test_without_an_operator_nobody_offers_to_move_leaders(desk):
    names = [name for name, _ in desk.node.get_service_names_and_types()]
    assert "/sim/reset" in names
    assert "/operator/act" not in names

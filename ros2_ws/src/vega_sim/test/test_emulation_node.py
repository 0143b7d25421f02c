"""The emulation node over real topics and buses: what the drivers will find."""

import time

import pytest
import rclpy
from vega_cameras.emulation.frame_link import LinkReader
from vega_msgs.msg import TaskState
from vega_msgs.srv import InjectFault, ResetScene
from vega_runtime import qos

import hw_config

from .conftest import WAIT_S, EmulationRig

HARDWARE = hw_config.load()


class LinkRig(EmulationRig):
    """The node, somebody who listens to it, and the ends of a bus and of the images' link."""

    def __init__(self):
        super().__init__()
        self.states = self.listen(TaskState, "sim/task_state", qos.LATCHED)
        self.link = LinkReader()

    def close(self):
        super().close()
        self.link.close()


@pytest.fixture(scope="module")
def rig():
    rclpy.init(args=[])
    rig = LinkRig()
    rig.activate()
    yield rig
    rig.close()
    rclpy.shutdown()


def test_its_arms_speak_on_their_buses(rig):
    heard = {rig.bus.recv(WAIT_S).arbitration_id for _ in range(100)}
    assert heard >= {0x2A1, 0x2A5, 0x2A6, 0x2A7, 0x2A8, 0x251, 0x261}


def test_its_cameras_send_images_stamped_with_the_system_s_time(rig):
    seen = {}
    end = time.monotonic() + WAIT_S
    while set(seen) != set(HARDWARE.cameras) and time.monotonic() < end:
        image = rig.link.read(1.0)
        if image is not None:
            seen[image.camera] = image
    assert set(seen) == set(HARDWARE.cameras)
    for image in seen.values():
        assert image.pixels.shape == (480, 640, 3)
        assert image.pixels.std() > 10.0
        assert 0 <= time.time_ns() - image.captured_ns < WAIT_S * 1e9


def test_it_tells_the_episode_s_state_and_no_topic_of_a_driver(rig):
    rig.until(lambda: rig.states and rig.reports)
    assert (rig.states[-1].task, rig.states[-1].seed) == ("close_laptop", 0)
    signals = rig.states[-1].signs
    assert 0.05 < signals.closest_m < 1.0
    assert not signals.touched
    names = [name for name, _ in rig.node.get_topic_names_and_types()]
    assert not any("follower" in name or "image" in name or name == "/clock" for name in names)
    (status,) = rig.reports[-1].status
    assert {"real_time_factor", "frames_head", "skipped_head"} <= {v.key for v in status.values}


def test_a_reset_lays_the_scene_that_is_asked_for(rig):
    answer = rig.call(ResetScene, "sim/reset", task="handover_cucumber", variant="hard", seed=7)
    assert answer.success, answer.message
    rig.until(lambda: rig.states[-1].episode == answer.episode)
    state = rig.states[-1]
    assert (state.task, state.variant, state.seed) == ("handover_cucumber", "hard", 7)
    before = state.episode
    refused = rig.call(ResetScene, "sim/reset", task="", variant="", seed=-1)
    assert not refused.success
    assert "0 or more" in refused.message
    assert rig.states[-1].episode == before


def test_a_silent_arm_says_nothing_until_the_fault_ends(rig):
    def frames_within(seconds):
        while rig.bus.recv(0.0) is not None:
            pass
        return rig.bus.recv(seconds) is not None

    assert rig.call(InjectFault, "sim/inject_fault", kind="silence", target="right").success
    rig.until(lambda: not frames_within(0.1))
    assert rig.call(InjectFault, "sim/inject_fault", kind="none", target="").success
    assert frames_within(WAIT_S)
    refused = rig.call(InjectFault, "sim/inject_fault", kind="flood", target="right")
    assert "unknown fault 'flood'" in refused.message


def test_without_an_operator_nobody_offers_to_move_leaders(rig):
    names = [name for name, _ in rig.node.get_service_names_and_types()]
    assert "/sim/reset" in names
    assert "/operator/act" not in names

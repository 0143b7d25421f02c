"""The node over a bus between processes: an emulator of its own process stands in for the arms."""

from __future__ import annotations

import array
import os
import subprocess
import sys
import time
import uuid
from functools import partial
from pathlib import Path

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from vega_arms import arm_node, buses, frames, protocol
from vega_arms.arm_node import ArmNode
from vega_arms.emulator import POSE
from vega_msgs.msg import ArmCommand, ArmStatus
from vega_runtime import qos
from vega_runtime.node import light_executor

import hw_config

WAIT_S = 30.0
PACKAGE = Path(arm_node.__file__).resolve().parents[1]
NAMES = list(hw_config.load().arms["left"].joint_names)
SUCCESS = TransitionCallbackReturn.SUCCESS


@pytest.fixture
def channel():
    """A bus that no other test run hears."""
    return f"can_{uuid.uuid4().hex[:10]}"


@pytest.fixture
def emulate(channel):
    """Starts emulators as processes of their own."""
    started = []

    def start(*arguments):
        path = os.pathsep.join([str(PACKAGE), *sys.path])
        process = subprocess.Popen(
            [sys.executable, "-m", "vega_arms.emulator", "--channel", channel, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=WAIT_S)


class Cell:
    """The node, and a gate that notes what it says."""

    def __init__(self, channel, make_executor=SingleThreadedExecutor, **parameters):
        given = {"arm": "left", "bus": "udp_multicast", "channel": channel, **parameters}
        arguments = [f"{name}:={value}" for name, value in given.items()]
        rclpy.init(args=["--ros-args", *(x for text in arguments for x in ("-p", text))])
        self.driver = ArmNode()
        self.gate = rclpy.create_node("gate")
        self.executor = make_executor()
        self.executor.add_node(self.driver)
        self.executor.add_node(self.gate)
        self.follower, self.leader, self.status = [], [], []
        listen = partial(self.gate.create_subscription, JointState)
        listen("left/follower/joint_states", self.follower.append, qos.SENSOR)
        listen("left/leader/joint_states", self.leader.append, qos.SENSOR)
        self.gate.create_subscription(
            ArmStatus, "left/follower/status", self.status.append, qos.LATCHED
        )
        self.commands = self.gate.create_publisher(ArmCommand, "left/follower/command", qos.COMMAND)
        self.sequence = 0

    def until(self, condition):
        end_s = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < end_s, f"it did not happen; {self.status[-1:]}"
            self.executor.spin_once(timeout_sec=0.02)

    def command(self, names=NAMES, **changes):
        now_ns = self.gate.get_clock().now().nanoseconds
        self.sequence += 1
        positions = [changes.get(f"j{i}", value) for i, value in enumerate(POSE)]
        message = ArmCommand(sequence=self.sequence, names=names)
        message.positions = array.array("d", positions)
        message.deadline.sec, message.deadline.nanosec = divmod(now_ns + 200_000_000, 10**9)
        self.commands.publish(message)

    def call(self, name):
        client = self.gate.create_client(Trigger, f"left/follower/{name}")
        self.until(client.service_is_ready)
        future = client.call_async(Trigger.Request())
        self.until(future.done)
        return future.result()

    def said(self, words):
        return any(words in status.text for status in self.status)

    def close(self):
        self.driver.close()
        self.executor.shutdown()
        self.driver.destroy_node()
        self.gate.destroy_node()


@pytest.fixture
def make_cell(channel):
    made = []

    def make(*given, **parameters):
        made.append(Cell(channel, *given, **parameters))
        return made[-1]

    yield make
    for cell in made:
        cell.close()
    rclpy.try_shutdown()


@pytest.mark.parametrize("make_executor", [SingleThreadedExecutor, light_executor])
def test_it_is_enabled_commanded_stopped_and_enabled_again(make_cell, emulate, make_executor):
    emulate()
    cell = make_cell(make_executor)
    assert cell.driver.trigger_configure() == SUCCESS
    assert cell.driver.trigger_activate() == SUCCESS
    cell.until(lambda: cell.status and cell.status[-1].enabled and cell.follower)
    state = cell.follower[0]
    assert list(state.name) == NAMES
    assert list(state.position) == pytest.approx(POSE, abs=1e-3)
    assert len(state.velocity) == len(state.effort) == 7
    age_ns = cell.gate.get_clock().now().nanoseconds - (
        cell.follower[-1].header.stamp.sec * 10**9 + cell.follower[-1].header.stamp.nanosec
    )
    assert 0 <= age_ns < WAIT_S * 1e9

    def moved():
        cell.command(j0=0.1)
        return abs(cell.follower[-1].position[0] - 0.1) < 1e-3

    cell.until(moved)
    assert cell.call("stop").success
    cell.until(lambda: cell.said(": emergency stop") and not cell.status[-1].enabled)
    refused = cell.call("enable")
    assert not refused.success
    assert "reset" in refused.message
    assert cell.call("reset").success
    cell.until(lambda: cell.call("enable").success)
    cell.until(lambda: cell.status[-1].enabled)
    assert cell.driver.trigger_deactivate() == SUCCESS
    cell.until(lambda: not cell.status[-1].enabled)
    assert cell.driver.trigger_cleanup() == SUCCESS


def test_a_leader_and_its_follower_are_published_and_not_commanded(make_cell, emulate):
    emulate("--role", "both")
    cell = make_cell()
    cell.driver.trigger_configure()
    assert cell.driver.trigger_activate() == SUCCESS
    cell.until(lambda: len(cell.leader) > 20 and len(cell.follower) > 20)
    assert list(cell.leader[0].name) == NAMES
    cell.until(lambda: cell.said("unplug the leader"))
    assert not cell.status[-1].enabled


def test_a_leader_with_a_bus_of_its_own_is_all_that_is_published(make_cell, emulate):
    # A follower on this bus is not where it belongs: nobody may take it for the arm's.
    emulate("--role", "both")
    cell = make_cell(role="leader")
    cell.driver.trigger_configure()
    assert cell.driver.trigger_activate() == SUCCESS
    cell.until(lambda: len(cell.leader) > 20)
    assert cell.driver._driver.decoder.follower is not None
    topics = {publisher.topic_name for publisher in cell.driver.publishers}
    services = {service.srv_name for service in cell.driver.services}
    assert "/left/leader/joint_states" in topics
    assert not [name for name in topics | services if "follower" in name]


def test_an_arm_that_is_switched_off_and_on_again(make_cell, emulate):
    first = emulate()
    cell = make_cell()
    cell.driver.trigger_configure()
    cell.driver.trigger_activate()
    cell.until(lambda: cell.status and cell.status[-1].enabled)
    first.kill()
    cell.until(lambda: cell.said("is silent"))
    count = len(cell.follower)
    emulate()
    cell.until(lambda: len(cell.follower) > count + 20)
    assert not cell.status[-1].enabled
    assert cell.call("enable").success


def test_a_gripper_s_fault_is_told_held_and_cleared_by_enabling(make_cell, emulate):
    emulate(*(x for s in range(2, 30, 4) for x in ("--fault", f"gripper_overcurrent@{s}")))
    cell = make_cell()
    cell.driver.trigger_configure()
    cell.driver.trigger_activate()
    cell.until(lambda: cell.status and cell.status[-1].enabled)
    cell.until(lambda: cell.said("gripper: overcurrent; free it of what blocks it"))
    assert not cell.status[-1].enabled
    cell.until(lambda: cell.call("enable").success)


def test_a_gripper_of_the_other_range_is_refused_with_both_values(make_cell, emulate):
    emulate("--gripper-stroke-mm", "100")
    cell = make_cell(enable_on_activate=False)
    cell.driver.trigger_configure()
    assert cell.driver.trigger_activate() == SUCCESS
    cell.until(lambda: cell.follower)
    answer = cell.call("enable")
    assert not answer.success
    assert "opens 100 mm, hw_config 70" in answer.message


def test_an_adapter_that_is_gone_for_a_while(make_cell, emulate):
    # Again and again: nobody knows when a busy computer has the driver running.
    emulate(*(x for s in range(2, 30, 4) for x in ("--fault", f"adapter_gone@{s}:1")))
    cell = make_cell(enable_on_activate=False)
    cell.driver.trigger_configure()
    cell.driver.trigger_activate()
    cell.until(lambda: cell.said("the CAN adapter is gone"))
    count = len(cell.follower)
    cell.until(lambda: len(cell.follower) > count + 20)


def test_a_command_for_other_joints_is_refused(make_cell, emulate):
    emulate()
    cell = make_cell()
    cell.driver.trigger_configure()
    cell.driver.trigger_activate()
    cell.until(lambda: cell.status and cell.status[-1].enabled and cell.follower)
    wrong = ["right" + name[4:] for name in NAMES]

    def refused():
        cell.command(names=wrong, j0=0.5)
        return "wrong_joints" in cell.driver._refused

    cell.until(refused)
    assert abs(cell.follower[-1].position[0]) < 1e-3


def test_an_interface_that_is_not_there_is_named(make_cell):
    cell = make_cell(bus="socketcan")
    assert cell.driver.trigger_configure() == TransitionCallbackReturn.FAILURE
    with pytest.raises(OSError, match=r"no such CAN interface; plug the USB-CAN adapter in"):
        buses.open_bus("socketcan", "can_nowhere")


def test_a_log_is_replayed_between_processes(channel, emulate, tmp_path):
    log = tmp_path / "leader.log"
    log.write_text("(1.0) can0 155#000075300000EA60\n(1.1) can0 156#FFFF503800002710\n")
    with_bus = buses.open_bus("udp_multicast", channel)
    process = emulate("--replay", str(log))
    heard = [with_bus.recv(WAIT_S) for _ in range(2)]
    assert protocol.decode(heard[0].arbitration_id, heard[0].data) == frames.Pair(30000, 60000)
    assert process.wait(WAIT_S) == 0
    with_bus.shutdown()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--fault", "meteor@3"), "unknown fault 'meteor'; the faults are: silence"),
        (("--fault", "silence@soon"), "expected NAME@SECONDS"),
        (("--bus", "socketcan"), "there is no such CAN interface"),
    ],
)
def test_wrong_arguments_of_the_emulator_are_a_sentence(emulate, arguments, says):
    process = emulate(*arguments)
    _, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    assert says in errors
    assert "Traceback" not in errors

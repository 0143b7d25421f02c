"""The node over the gate, with real topics in one process."""

from __future__ import annotations

import array
import time
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Time
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from vega_control.gate_node import GateNode
from vega_msgs.msg import (
    ActionChunk,
    ArmCommand,
    ArmStatus,
    ArmTarget,
    EstopState,
    GateState,
)
from vega_msgs.srv import EmergencyStop
from vega_runtime import qos
from vega_runtime.stamps import set_seconds, to_seconds

import hw_config

WAIT_S = 120.0
HARDWARE = hw_config.load()


class GateCell:
    """The gate node, and arms that stand still and note what they are told."""

    def __init__(self):
        self.gate = GateNode()
        self.node = rclpy.create_node("cell")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.gate)
        self.executor.add_node(self.node)
        self.commands = {arm: [] for arm in HARDWARE.arms}
        self.targets, self.states, self.estops = [], [], []
        self._joint_states = {}
        self.sequence = 0
        for arm in HARDWARE.arms:
            follower = f"{arm}/follower"
            self._joint_states[arm] = self.node.create_publisher(
                JointState, f"{follower}/joint_states", qos.SENSOR
            )
            self.node.create_subscription(
                ArmCommand, f"{follower}/command", self.commands[arm].append, qos.COMMAND
            )
        self.node.create_subscription(ArmTarget, "gate/target", self.targets.append, qos.REPORT)
        self.node.create_subscription(GateState, "gate/state", self.states.append, qos.LATCHED)
        self.node.create_subscription(
            EstopState, "gate/estop_state", self.estops.append, qos.LATCHED
        )
        self.chunks = self.node.create_publisher(ActionChunk, "action_chunk", qos.COMMAND)
        self.node.create_timer(0.01, self._publish_states)

    def _publish_states(self):
        for arm, publisher in self._joint_states.items():
            config = HARDWARE.arms[arm]
            message = JointState(name=list(config.joint_names), position=list(config.home))
            message.header.stamp = self.node.get_clock().now().to_msg()
            publisher.publish(message)

    def until(self, condition):
        end_s = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < end_s, "it did not happen"
            self.executor.spin_once(timeout_sec=0.05)

    def send_chunk(self, rows):
        self.sequence += 1
        now_s = self.node.get_clock().now().nanoseconds * 1e-9
        chunk = ActionChunk(
            sequence=self.sequence,
            names=list(HARDWARE.joint_names),
            dt=0.04,
            steps=len(rows),
            positions=array.array("d", np.asarray(rows, float).tobytes()),
        )
        set_seconds(chunk.header.stamp, now_s)
        set_seconds(chunk.deadline, now_s + 1.0)
        self.chunks.publish(chunk)

    def mode(self):
        return self.states[-1].mode if self.states else None

    def call(self, kind, name, request=None):
        client = self.node.create_client(kind, name)
        self.until(client.service_is_ready)
        future = client.call_async(request or kind.Request())
        self.until(future.done)
        self.node.destroy_client(client)
        return future.result()

    def bring_up(self):
        self.gate.trigger_configure()
        self.gate.trigger_activate()
        self.until(lambda: self.commands["left"] and self.commands["right"])

    def lead(self, rows, until):
        """Sends chunks until a condition: a busy computer may be late for one."""
        self.until(lambda: self.chunks.get_subscription_count() > 0)
        due_s = 0.0

        def come_about():
            nonlocal due_s
            if time.monotonic() > due_s:
                self.send_chunk(rows)
                due_s = time.monotonic() + 0.5
            return until()

        self.until(come_about)

    def executes(self):
        return self.mode() == GateState.EXECUTING and len(self.targets) > 2

    def execute(self):
        """Lets a chunk lead that turns a joint by 0.5 rad/s."""
        home = np.array(HARDWARE.home)
        rows = np.tile(home, (40, 1)) + np.arange(1, 41)[:, None] * 0.02 * np.eye(14)[0]
        self.lead(rows, self.executes)

    def close(self):
        self.gate.close()
        self.executor.shutdown()
        self.gate.destroy_node()
        self.node.destroy_node()


@pytest.fixture
def cell(patient):
    # The tests themselves must not run before everything else on this machine.
    rclpy.init(args=["--ros-args", "-p", "niceness:=0"])
    cell = GateCell()
    yield cell
    cell.close()
    rclpy.shutdown()


def test_it_holds_executes_and_leaves_a_hold_behind(cell):
    assert cell.gate.trigger_configure() == TransitionCallbackReturn.SUCCESS
    cell.until(lambda: cell.mode() == GateState.INACTIVE)
    assert cell.gate.trigger_activate() == TransitionCallbackReturn.SUCCESS
    cell.until(lambda: cell.commands["left"] and cell.commands["right"])
    first = cell.commands["right"][0]
    assert list(first.names) == list(HARDWARE.arms["right"].joint_names)
    assert list(first.positions) == pytest.approx(HARDWARE.arms["right"].home)
    assert to_seconds(first.deadline) > to_seconds(first.header.stamp)

    home = np.array(HARDWARE.home)
    rows = np.tile(home + 0.01, (25, 1))
    cell.lead(rows, cell.executes)
    assert 1 <= cell.targets[-1].chunk_sequence <= cell.sequence
    arrived = pytest.approx(home[0] + 0.01, abs=1e-6)
    cell.lead(rows, lambda: [c.positions[0] for c in cell.commands["left"][-2:]] == [arrived] * 2)

    assert cell.gate.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    cell.until(lambda: cell.mode() == GateState.INACTIVE)
    assert cell.commands["left"][-1].positions[0] == arrived
    assert cell.gate.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    assert cell.gate.trigger_configure() == TransitionCallbackReturn.SUCCESS


def test_a_fault_of_a_gripper_holds_both_arms_until_its_driver_says_that_it_is_enabled(cell):
    cell.bring_up()
    status = cell.node.create_publisher(ArmStatus, "right/follower/status", qos.LATCHED)
    status.publish(ArmStatus(enabled=True, text="enabled"))
    cell.execute()
    fault = "can_right: gripper: overcurrent; free it of what blocks it"
    status.publish(ArmStatus(enabled=False, text=fault))
    cell.until(lambda: cell.mode() == GateState.HOLD and fault in cell.states[-1].reason)
    cell.send_chunk(np.tile(HARDWARE.home, (40, 1)))
    cell.until(lambda: cell.states[-1].chunks_refused > 0)
    status.publish(ArmStatus(enabled=True, text="enabled"))
    cell.execute()


def test_refusals_are_in_its_state(cell):
    cell.gate.trigger_configure()
    cell.gate.trigger_activate()
    cell.until(lambda: cell.commands["left"])
    cell.until(lambda: cell.chunks.get_subscription_count() > 0)
    cell.send_chunk(np.full((25, 14), np.nan))
    cell.until(lambda: cell.states and cell.states[-1].chunks_refused == 1)
    assert list(cell.states[-1].refusal_reasons) == ["non_finite"]
    assert list(cell.states[-1].refusal_counts) == [1]
    assert cell.mode() == GateState.HOLD


def test_an_emergency_stop_over_ros_is_latched_and_tells_the_way_back(cell):
    cell.bring_up()
    cell.execute()
    request = EmergencyStop.Request(level=EstopState.HOLD, by="a test")
    answer = cell.call(EmergencyStop, "gate/estop", request)
    assert answer.success
    assert "emergency stop (hold) by a test" in answer.message
    count = len(cell.commands["left"])
    cell.until(lambda: cell.mode() == GateState.ESTOP and cell.estops[-1].active)
    assert len(cell.commands["left"]) <= count + 1
    assert any("gate/estop_reset" in step for step in cell.estops[-1].steps)

    assert not cell.call(Trigger, "gate/home").success
    assert cell.call(Trigger, "gate/estop_reset").success
    cell.until(lambda: not cell.estops[-1].active and cell.mode() == GateState.HOLD)
    cell.until(lambda: len(cell.commands["left"]) > count + 10)
    assert "gate/follow_policy" in cell.states[-1].reason
    assert cell.call(Trigger, "gate/follow_policy").success


def test_a_damped_stop_without_drivers_says_that_only_the_commands_have_ended(cell):
    cell.bring_up()
    request = EmergencyStop.Request(level=EstopState.DAMPED, by="a test")
    answer = cell.call(EmergencyStop, "gate/estop", request)
    assert not answer.success
    assert "left and right driver offers no stop" in answer.message
    assert cell.call(Trigger, "gate/estop_reset").success


@pytest.mark.parametrize(
    ("level", "service"), [(EstopState.DAMPED, "stop"), (EstopState.POWER, "disable")]
)
def test_higher_levels_ask_the_drivers_of_both_arms(cell, level, service):
    asked = []

    def answer(arm, request, response):
        asked.append(arm)
        return response

    for arm in HARDWARE.arms:
        cell.node.create_service(Trigger, f"{arm}/follower/{service}", partial(answer, arm))
    cell.bring_up()
    stop = cell.gate._requests._drivers[level]
    cell.until(lambda: all(client.service_is_ready() for client in stop.values()))
    assert cell.call(EmergencyStop, "gate/estop", EmergencyStop.Request(level=level)).success
    cell.until(lambda: len(asked) == 2)
    assert sorted(asked) == ["left", "right"]


def test_a_second_gate_refuses_while_the_first_commands(cell, monkeypatch):
    cell.bring_up()
    second = GateNode()
    errors = []
    monkeypatch.setattr(second, "get_logger", lambda: SimpleNamespace(error=errors.append))
    cell.executor.add_node(second)
    assert second.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert second.trigger_activate() == TransitionCallbackReturn.FAILURE
    assert "somebody else commands the arms on left/follower/command (node //gate" in errors[0]
    assert not second._commands
    cell.gate.trigger_deactivate()
    cell.until(lambda: second.count_publishers("left/follower/command") == 0)
    assert second.trigger_activate() == TransitionCallbackReturn.SUCCESS
    second.close()
    cell.executor.remove_node(second)
    second.destroy_node()


def test_a_sender_that_slips_in_beside_the_gate_stops_everything(cell):
    cell.bring_up()
    other = cell.node.create_publisher(ArmCommand, "right/follower/command", qos.COMMAND)
    cell.until(lambda: cell.mode() == GateState.ESTOP)
    assert "two gates" in cell.states[-1].reason
    cell.node.destroy_publisher(other)
    cell.until(lambda: cell.gate.count_publishers("right/follower/command") == 1)
    assert cell.call(Trigger, "gate/estop_reset").success


def test_times_survive_the_message():
    stamp = Time()
    set_seconds(stamp, 1_795_365_123.123456789)
    assert to_seconds(stamp) == pytest.approx(1_795_365_123.123456789, abs=1e-6)

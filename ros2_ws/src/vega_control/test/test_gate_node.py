"""The node over the gate, with real topics in one process."""

from __future__ import annotations

import array
import time

import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Time
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from sensor_msgs.msg import JointState
from vega_control import messages
from vega_control.gate_node import GateNode
from vega_msgs.msg import ActionChunk, ArmCommand, ArmTarget, GateState
from vega_runtime import qos

import hw_config

WAIT_S = 20.0
HARDWARE = hw_config.load()


class Cell:
    """The gate node, and arms that stand still and note what they are told."""

    def __init__(self):
        self.gate = GateNode()
        self.node = rclpy.create_node("cell")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.gate)
        self.executor.add_node(self.node)
        self.commands = {arm: [] for arm in HARDWARE.arms}
        self.targets, self.states = [], []
        self._joint_states = {}
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

    def send_chunk(self, rows, sequence=1):
        now_s = self.node.get_clock().now().nanoseconds * 1e-9
        chunk = ActionChunk(
            sequence=sequence,
            names=list(HARDWARE.joint_names),
            dt=0.04,
            steps=len(rows),
            positions=array.array("d", np.asarray(rows, float).tobytes()),
        )
        messages.set_stamp(chunk.header.stamp, now_s)
        messages.set_stamp(chunk.deadline, now_s + 1.0)
        self.chunks.publish(chunk)

    def mode(self):
        return self.states[-1].mode if self.states else None

    def close(self):
        self.gate.close()
        self.executor.shutdown()
        self.gate.destroy_node()
        self.node.destroy_node()


@pytest.fixture
def cell():
    rclpy.init(args=[])
    cell = Cell()
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
    assert messages.seconds(first.deadline) > messages.seconds(first.header.stamp)

    home = np.array(HARDWARE.home)
    cell.send_chunk(np.tile(home + 0.01, (25, 1)))
    cell.until(lambda: cell.mode() == GateState.EXECUTING and len(cell.targets) > 2)
    assert cell.targets[-1].chunk_sequence == 1
    arrived = pytest.approx(home[0] + 0.01, abs=1e-6)
    cell.until(lambda: [c.positions[0] for c in cell.commands["left"][-2:]] == [arrived] * 2)

    assert cell.gate.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    cell.until(lambda: cell.mode() == GateState.INACTIVE)
    assert cell.commands["left"][-1].positions[0] == arrived
    assert cell.gate.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    assert cell.gate.trigger_configure() == TransitionCallbackReturn.SUCCESS


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


def test_times_survive_the_message():
    stamp = Time()
    messages.set_stamp(stamp, 1_795_365_123.123456789)
    assert messages.seconds(stamp) == pytest.approx(1_795_365_123.123456789, abs=1e-6)

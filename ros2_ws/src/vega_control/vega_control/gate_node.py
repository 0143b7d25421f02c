"""The command gate as a lifecycle node: chunks and leaders in, arm commands out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import numpy as np
from rclpy.publisher import Publisher
from rclpy.timer import Timer
from sensor_msgs.msg import JointState
from vega_msgs.msg import ActionChunk, ArmCommand, ArmStatus, ArmTarget
from vega_runtime import node, qos
from vega_runtime.joints import NamedJoints
from vega_runtime.lifecycle import LifecycleNode, TransitionError
from vega_runtime.owned import OwnedEntities
from vega_runtime.parameters import declare, parameter
from vega_runtime.stamps import now_s, to_seconds

import hw_config
from vega_control import messages, priority
from vega_control.config import GateConfig
from vega_control.estop import Level
from vega_control.feedback import Feedback
from vega_control.gate import Gate, Mode, Now
from vega_control.gate_reports import GateReports
from vega_control.gate_services import GateServices
from vega_control.workspace import Workspace

_STATE_HZ = 10.0


@dataclass(frozen=True)
class Parameters:
    """Parameters of the node; limits, rates and workspace come from hw_config."""

    command_validity_s: float = parameter(
        0.1, "an arm must not execute a command that is older than this (s)", 0.01, 1.0
    )
    floor_drop_m: float = parameter(
        0.0, "the table may be this much lower than hw_config says, as in the twin (m)", 0.0, 0.2
    )
    niceness: int = parameter(
        -15, "of the gate's threads, on hardware; 0 leaves them like all others", -20, 0
    )


class GateNode(LifecycleNode):
    """Commands the arms at gate_hz while it is active; the last command is a hold."""

    def __init__(self) -> None:
        super().__init__("gate")
        self._settings = declare(self, Parameters)
        # A stopped clock must not keep an arm from being held: hardware is watched on the
        # monotonic clock. The twin's time may stand still, and its arms stand still with it.
        self._simulated = bool(self.get_parameter("use_sim_time").value)
        self._ros_clock = self.get_clock()
        self._gate: Gate | None = None
        self._timer: Timer | None = None
        self._commands: dict[str, Publisher] = {}
        # What `configure` opens and `cleanup` closes.
        self._owned = OwnedEntities(self)

    def configure(self) -> None:
        """Reads hw_config and connects the topics; nothing is commanded."""
        hardware = hw_config.load()
        config = GateConfig.from_hardware(hardware)
        gate = self._gate = Gate(config, Workspace(hardware, self._settings.floor_drop_m))
        self._names = list(config.joint_names)
        self._period_s = config.period_s
        self._sequence = 0
        self._writers = {
            arm: messages.CommandWriter(
                self._names[place], place, self._settings.command_validity_s
            )
            for arm, place in config.arms.items()
        }
        for arm, place in config.arms.items():
            names = self._names[place]
            self._listen_to_joints(f"{arm}/follower", f"{arm} arm", names, arm, gate.feedback)
            leaders = gate.leaders.feedback
            self._listen_to_joints(f"{arm}/leader", f"{arm} leader", names, arm, leaders)
            on_status = partial(self._on_status, arm)
            self._owned.subscribe(ArmStatus, f"{arm}/follower/status", on_status, qos.LATCHED)
        self._connect(list(config.arms))

    def _connect(self, arms: list[str]) -> None:
        owned = self._owned
        owned.subscribe(ActionChunk, "action_chunk", self._on_chunk, qos.COMMAND)
        self._target = owned.publisher(ArmTarget, "gate/target", qos.REPORT)
        gate = self._ready_gate()
        self._reports = GateReports(owned, gate)
        self._requests = GateServices(owned, gate, arms, self._now, self._reports.publish_changes)
        owned.timer(1.0 / _STATE_HZ, self._check_and_report)

    def _listen_to_joints(
        self, topic: str, whose: str, names: list[str], arm: str, feedback: Feedback
    ) -> None:
        joints = NamedJoints(whose, names, self._misnamed)

        def on_state(message: JointState) -> None:
            positions = joints.positions(message)
            if positions is not None:
                stamp_s = to_seconds(message.header.stamp)
                feedback.observe(arm, positions, self._watch_s(stamp_s))

        self._owned.subscribe(JointState, f"{topic}/joint_states", on_state, qos.SENSOR)

    def _misnamed(self, text: str) -> None:
        self.get_logger().error(text)

    def activate(self) -> None:
        """Starts commanding, first where the arms are.

        Raises:
            TransitionError: Another gate commands the arms.
        """
        topics = {arm: f"{arm}/follower/command" for arm in self._writers}
        for topic in topics.values():
            if self.count_publishers(topic):
                raise TransitionError(
                    f"somebody else commands the arms on {topic} ({self._senders(topic)}): only "
                    "one gate may; end the other one first"
                )
        if not self._simulated:
            weak = priority.prefer(self._settings.niceness)
            if weak:
                self.get_logger().warning(weak)
        # Who has these publishers is active, so that a second gate can tell.
        self._commands = {
            arm: self.create_publisher(ArmCommand, topic, qos.COMMAND)
            for arm, topic in topics.items()
        }
        self._ready_gate().activate()
        self._timer = self.create_timer(self._period_s, self._tick)

    def _senders(self, topic: str) -> str:
        infos = self.get_publishers_info_by_topic(topic)
        return ", ".join(f"node {info.node_namespace}/{info.node_name}" for info in infos)

    def deactivate(self) -> None:
        """Brings the arms to rest within the limits and leaves them with a hold command."""
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None
        time_s = self._now_s()
        for positions in self._ready_gate().deactivate():
            time_s += self._period_s
            self._send(positions, time_s)
            time.sleep(self._period_s)
        for publisher in self._commands.values():
            self.destroy_publisher(publisher)
        self._commands = {}
        self._reports.publish_state()

    def cleanup(self) -> None:
        """Disconnects the topics."""
        self._owned.destroy()
        self._gate = None

    def close(self) -> None:
        """Called at the end of the process: leaves the arms holding."""
        if self._gate is not None and self._gate.mode is not Mode.INACTIVE:
            self.deactivate()

    def _ready_gate(self) -> Gate:
        if self._gate is None:
            raise TransitionError("the gate node is not configured")
        return self._gate

    def _now_s(self) -> float:
        return now_s(self._ros_clock)

    def _watch_s(self, ros_s: float) -> float:
        return ros_s if self._simulated else time.monotonic()

    def _now(self) -> Now:
        ros_s = self._now_s()
        return Now(ros_s, self._watch_s(ros_s))

    def _on_status(self, arm: str, message: ArmStatus) -> None:
        self._ready_gate().feedback.set_enabled(arm, message.enabled, message.text)

    def _on_chunk(self, message: ActionChunk) -> None:
        self._ready_gate().accept(messages.to_chunk(message), self._now())
        self._reports.publish_changes()

    def _tick(self) -> None:
        now = self._now()
        command = self._ready_gate().update(now)
        if command is not None:
            self._send(command.positions, now.ros_s)
            self._reports.rate.add(now.ros_s)
            if command.target is not None:
                target = messages.target_message(command.target, self._names, now.ros_s)
                self._target.publish(target)
        self._reports.publish_changes()

    def _send(self, positions: np.ndarray, time_s: float) -> None:
        self._sequence += 1
        for arm, writer in self._writers.items():
            self._commands[arm].publish(writer.fill(positions, self._sequence, time_s))

    def _check_and_report(self) -> None:
        """Publishes the state; stops everything where a second gate has slipped in."""
        crowded = [arm for arm in self._commands if self._sent_by_others(arm)]
        if crowded:
            topic = f"{crowded[0]}/follower/command"
            self._ready_gate().press_estop(Level.HOLD, f"two gates ({self._senders(topic)})")
            self._reports.publish_changes()
        self._reports.publish_state()

    def _sent_by_others(self, arm: str) -> bool:
        return self.count_publishers(f"{arm}/follower/command") > 1


def main() -> None:
    """Runs the node."""
    node.main(GateNode)

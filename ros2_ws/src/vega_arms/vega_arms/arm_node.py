"""The driver of one arm as a lifecycle node; its topics are those of the twin."""

from __future__ import annotations

import array
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from rclpy.publisher import Publisher
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from vega_msgs.msg import ArmCommand, ArmStatus
from vega_runtime import node, qos
from vega_runtime.lifecycle import LifecycleNode, TransitionError
from vega_runtime.logs import log
from vega_runtime.parameters import declare, parameter
from vega_runtime.repeats import Repeats
from vega_runtime.stamps import to_ns, to_time

import hw_config
from vega_arms import buses
from vega_arms.config import FOLLOWER, LEADER, DriverConfig
from vega_arms.diagnostics import ArmDiagnostics
from vega_arms.driver import ArmDriver
from vega_arms.enabling import NotEnabled
from vega_arms.measurement import ArmState
from vega_arms.status_snapshot import StatusSnapshot
from vega_arms.stop_services import StopServices
from vega_core.stamps import NS, nanoseconds

# A busy computer may leave frames waiting: they keep their age, or stamps would run backwards.
_OLDEST_NS = NS
_SWITCH_INTERVAL_S = 0.0005
_SLOW = "this computer is too slow, or its clock was set; close other programs"
_STOP_REQUESTS: dict[str, Callable[[ArmDriver], None]] = {
    "disable": ArmDriver.disable,
    "stop": ArmDriver.stop,
    "reset": ArmDriver.reset,
}


@dataclass(frozen=True)
class Parameters:
    """Parameters of the node; limits, joint names and interfaces come from hw_config."""

    arm: str = parameter("left", "left or right")
    channel: str = parameter(
        "", "CAN interface; empty: that of the arm, or of its leader, in hw_config"
    )
    bus: str = parameter("socketcan", "socketcan, or udp_multicast or virtual for emulated arms")
    role: str = parameter(
        FOLLOWER, "follower: a follower, perhaps with its leader; leader: a leader with its own bus"
    )
    enable_on_activate: bool = parameter(True, "give the arm power when the node is activated")
    high_follow: bool = parameter(
        False, "follow each target at once (0xAD) instead of planning towards it; a reset undoes it"
    )
    speed_percent: int = parameter(100, "of the arm's own speed limit", 1, 100)
    gripper_effort: float = parameter(1.0, "torque of the gripper (N m)", 0.0, 5.0)


class ArmNode(LifecycleNode):
    """Publishes what the arms of one bus say, and leads the follower as the gate commands."""

    def __init__(self) -> None:
        super().__init__("arm_driver")
        given = self._given = declare(self, Parameters)
        if given.role not in (FOLLOWER, LEADER):
            raise hw_config.ConfigError(f"role {given.role!r}: expected {FOLLOWER} or {LEADER}")
        hardware = hw_config.load()
        others = {"channel": given.channel} if given.channel else {}
        self._config = DriverConfig.from_hardware(
            hardware,
            given.arm,
            role=given.role,
            high_follow=given.high_follow,
            speed_percent=given.speed_percent,
            gripper_effort=given.gripper_effort,
            **others,
        )
        self._names = list(self._config.joint_names)
        self._driver: ArmDriver | None = None
        self._active = False
        self._stop_services: StopServices | None = None
        self._logged = ""
        self._refused: set[str] = set()
        self._repeats = Repeats(_SLOW)
        self._diagnostics = ArmDiagnostics(self, given.arm, given.role)
        # Whoever hears a leader alone says nothing about its follower, whatever is on the bus.
        spoken_of = (FOLLOWER, LEADER) if given.role == FOLLOWER else (LEADER,)
        self._states = {role: self._state_publisher(role) for role in spoken_of}
        self._status: Publisher | None = None
        if given.role == FOLLOWER:
            self._listen_to_gate()
        self.create_timer(1.0, self._publish_diagnostics)

    def _state_publisher(self, role: str) -> tuple:
        topic = f"{self._given.arm}/{role}/joint_states"
        message = JointState(name=self._names)
        message.header.frame_id = f"{self._given.arm}_base"
        return self.create_publisher(JointState, topic, qos.SENSOR), message

    def _listen_to_gate(self) -> None:
        arm = f"{self._given.arm}/follower"
        self._status = self.create_publisher(ArmStatus, f"{arm}/status", qos.LATCHED)
        self.create_subscription(ArmCommand, f"{arm}/command", self._on_command, qos.COMMAND)
        self.create_service(Trigger, f"{arm}/enable", self._on_enable)
        requests = {
            f"{arm}/{name}": partial(self._request, act) for name, act in _STOP_REQUESTS.items()
        }
        self._stop_services = StopServices(self, requests)

    def configure(self) -> None:
        """Opens the bus and listens."""
        self._driver = ArmDriver(
            self._config,
            partial(buses.open_bus, self._given.bus),
            partial(self._publish_state, FOLLOWER),
            partial(self._publish_state, LEADER),
            self._on_status,
        )
        self._driver.open()

    def activate(self) -> None:
        """Publishes, and enables the arm where it stands, unless a leader commands it."""
        driver = self._ready()
        self._active = True
        if self._given.role == FOLLOWER and self._given.enable_on_activate:
            try:
                driver.enable()
            except NotEnabled as error:
                # What it measures is wanted all the same; nothing moves an arm that is not enabled.
                self.get_logger().error(f"the {self._given.arm} arm is not enabled: {error}")
        self._on_status(driver.snapshot())

    def deactivate(self) -> None:
        """Takes no commands any more; the arm holds."""
        self._ready().release("the node is not active")
        self._active = False

    def cleanup(self) -> None:
        """Closes the bus; an arm with power stays where it is."""
        self._active = False
        if self._driver is not None:
            driver, self._driver = self._driver, None
            driver.close()

    def close(self) -> None:
        """Called at the end of the process."""
        self.cleanup()
        if self._stop_services is not None:
            self._stop_services.close()

    def _ready(self) -> ArmDriver:
        if self._driver is None:
            raise TransitionError("the arm node is not configured")
        return self._driver

    # From the driver's threads: rclpy's publishers may be used from any.

    def _publish_state(self, role: str, state: ArmState) -> None:
        if not self._active or role not in self._states:
            return
        publisher, message = self._states[role]
        message.header.stamp = to_time(self._ros_ns(state.stamp_s))
        message.position = array.array("d", state.q)
        message.velocity = array.array("d", state.dq)
        message.effort = array.array("d", state.effort)
        publisher.publish(message)
        self._diagnostics.rates[role].add(time.monotonic())

    def _ros_ns(self, stamp_s: float) -> int:
        """A stamp of the bus, which is ROS time on hardware; after a step of the clock, now."""
        now_ns = self.get_clock().now().nanoseconds
        stamp_ns = nanoseconds(stamp_s)
        # Not now less an age: a thread that waits between two clocks would shift the stamp.
        return stamp_ns if 0 <= now_ns - stamp_ns <= _OLDEST_NS else int(now_ns)

    def _on_status(self, status: StatusSnapshot) -> None:
        if self._driver is None:
            return
        if self._status is not None:
            message = ArmStatus(enabled=status.enabled and self._active, text=status.text)
            message.header.stamp = self.get_clock().now().to_msg()
            self._status.publish(message)
        if status.text == self._logged:
            return
        self._logged = status.text
        text = f"{self._given.arm} {self._given.role}: {status.text}"
        log(self, "warn" if status.wrong or (status.enabled and status.notes) else "info", text)

    # From the executor.

    def _on_command(self, message: ArmCommand) -> None:
        if not self._active or self._driver is None:
            return
        if list(message.names) != self._names:
            self._refuse("wrong_joints", ", ".join(message.names))
            return
        validity_s = (to_ns(message.deadline) - self.get_clock().now().nanoseconds) * 1e-9
        refusal = self._driver.command(message.positions, message.sequence, validity_s)
        if refusal is None:
            self._refused.clear()
        elif refusal != "not_enabled":
            self._refuse(refusal, f"sequence {message.sequence}")

    def _refuse(self, reason: str, detail: str) -> None:
        if reason in self._refused:
            return
        self._refused.add(reason)
        text = f"command refused ({reason}): {detail}"
        line = self._repeats.line(reason, text, time.monotonic())
        if line is not None:
            self.get_logger().error(line)

    def _on_enable(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._driver is None or not self._active:
            response.message = "the arm node is not active"
            return response
        try:
            self._driver.enable()
        except NotEnabled as error:
            response.message = str(error)
        response.success = not response.message
        return response

    def _request(self, act: Callable[[ArmDriver], None]) -> str:
        """Does what a stop service asks for; from the thread of these services."""
        driver = self._driver
        if driver is None:
            return "the arm node is not configured"
        act(driver)
        return ""

    def _publish_diagnostics(self) -> None:
        if self._driver is not None:
            self._diagnostics.publish(self._driver)


def main() -> None:
    """Runs the node."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    node.main(ArmNode)

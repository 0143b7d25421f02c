"""A key that stops the arms.

    ros2 run vega_control estop

Space or Enter stops: the arms hold where they are. D: they sink slowly (damped). P: power off, they
fall. A higher level may follow a lower one. Q leaves; a stop stays latched, and the way back is
shown.
"""

from __future__ import annotations

import select
import sys
import time

import rclpy
from rclpy.node import Node
from std_srvs.srv import Trigger
from vega_msgs.msg import EstopState
from vega_msgs.srv import EmergencyStop
from vega_runtime import qos
from vega_runtime.node import light_executor
from vega_runtime.terminal import single_keys

import hw_config

KEYS = {
    " ": EstopState.HOLD,
    "\r": EstopState.HOLD,
    "\n": EstopState.HOLD,
    "d": EstopState.DAMPED,
    "p": EstopState.POWER,
}
_DRIVER_SERVICE = {EstopState.DAMPED: "stop", EstopState.POWER: "disable"}
_ANSWER_S = 0.5
_POLL_S = 0.02
_HELP = "SPACE or ENTER: stop and hold    D: damped stop    P: power off    Q: leave"
_LOOKING = "looking for the gate; until it is found, a stop can only ask the drivers of the arms"
_READY = "ready: the gate is found. " + _HELP


class EstopClient(Node):
    """Presses the emergency stop and shows its state."""

    def __init__(self) -> None:
        super().__init__("estop")
        self._client = self.create_client(EmergencyStop, "gate/estop")
        arms = hw_config.load().arms
        self._drivers = {
            level: [self.create_client(Trigger, f"{arm}/follower/{name}") for arm in arms]
            for level, name in _DRIVER_SERVICE.items()
        }
        self.create_subscription(EstopState, "gate/estop_state", self._show, qos.LATCHED)
        self._unanswered: tuple[float, int] | None = None
        self._found: bool | None = None

    def press(self, level: int) -> None:
        """Stops; where the gate does not answer, the arms' drivers are asked themselves."""
        self._unanswered = (time.monotonic() + _ANSWER_S, level)
        if self._client.service_is_ready():
            request = EmergencyStop.Request(level=level, by="the key")
            self._client.call_async(request).add_done_callback(self._answered)
        else:
            self.stop_without_gate()

    def _answered(self, future: rclpy.Future) -> None:
        self._unanswered = None
        answer = future.result()
        say(answer.message)

    def check(self) -> None:
        """Call often: tells whether there is a gate, and notices one that does not answer."""
        found = self._client.service_is_ready()
        if found is not self._found:
            self._found = found
            say(_READY if found else _LOOKING)
        if self._unanswered is not None and time.monotonic() > self._unanswered[0]:
            self.stop_without_gate()

    def stop_without_gate(self) -> None:
        """Asks the drivers of the arms."""
        assert self._unanswered is not None
        level, self._unanswered = self._unanswered[1], None
        ready = [c for c in self._drivers.get(level, []) if c.service_is_ready()]
        for client in ready:
            client.call_async(Trigger.Request())
        names = ", ".join(client.srv_name for client in ready)
        asked = f"asked {names}" if ready else "no driver of an arm can be asked either"
        say(
            f"THE GATE DOES NOT ANSWER: without its commands the arms hold by themselves; {asked}. "
            "Use the power switch if they move"
        )

    def _show(self, state: EstopState) -> None:
        if not state.active:
            say("no emergency stop")
            return
        say(state.text)
        for number, step in enumerate(state.steps, 1):
            say(f"  {number}. {step}")


def say(text: str) -> None:
    """Prints a line, also in a terminal that is in raw mode."""
    print(text, end="\r\n", flush=True)


def _pressed() -> str | None:
    """The key that was pressed, lower case; empty at the end of the input, None without one."""
    if not select.select([sys.stdin], [], [], 0)[0]:
        return None
    return sys.stdin.read(1).lower()


def main() -> None:
    """Runs the command until Q, Ctrl-C or the end of its input."""
    rclpy.init()
    node, executor = EstopClient(), light_executor()
    executor.add_node(node)
    try:
        with single_keys():
            _watch(node, executor)
    except (KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def _watch(node: EstopClient, executor: rclpy.executors.Executor) -> None:
    while rclpy.ok():
        executor.spin_once(timeout_sec=_POLL_S)
        node.check()
        key = _pressed()
        if key in ("q", ""):
            return
        if key in KEYS:
            node.press(KEYS[key])

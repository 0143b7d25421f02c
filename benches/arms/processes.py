"""The processes of a measurement: an emulator and a driver a bus; none is left behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.node import Node

from benches.harness import BenchError

_NODE = "from vega_arms.arm_node import main; main()"


class Processes:
    """Starts what a measurement needs and ends it.

    Args:
        node: Asks the driver nodes for their transitions.
        until: Serves the node's callbacks until a condition holds.
    """

    def __init__(self, node: Node, until: Callable[[str, Callable[[], bool]], None]) -> None:
        self._node, self._until = node, until
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def pids(self) -> dict[str, int]:
        """Process identifiers, by `left_driver`, `left_emulator` and so on."""
        return {name: process.pid for name, process in self._running.items()}

    def emulate(self, role: str, arms: tuple[str, ...] = ("left", "right")) -> None:
        """An emulator a bus."""
        for arm in arms:
            self._start(
                f"{arm}_emulator",
                ["-m", "vega_arms.emulator", "--channel", f"can_{arm}", "--role", role],
            )

    def drive(self, arms: tuple[str, ...]) -> None:
        """A driver node a bus, configured and activated."""
        for arm in arms:
            node = ["--ros-args", "-r", f"__node:={arm}_arm", "-p", f"arm:={arm}"]
            self._start(f"{arm}_driver", ["-c", _NODE, *node, "-p", "bus:=udp_multicast"])
        for arm in arms:
            for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
                self._change(arm, transition)

    def end(self) -> None:
        """Ends all of them."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(timeout=10.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()

    def _start(self, name: str, arguments: list[str]) -> None:
        self._running[name] = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.DEVNULL
        )

    def _change(self, arm: str, transition: int) -> None:
        client = self._node.create_client(ChangeState, f"{arm}_arm/change_state")
        self._until(f"the driver of the {arm} arm", client.service_is_ready)
        request = ChangeState.Request()
        request.transition.id = transition
        future = client.call_async(request)
        self._until(f"transition {transition} of the {arm} driver", future.done)
        answer = future.result()
        if answer is None or not answer.success:
            raise BenchError(f"the driver of the {arm} arm refused transition {transition}")
        self._node.destroy_client(client)

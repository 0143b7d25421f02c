"""The manager: brings lifecycle nodes up in order and takes them down in reverse."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rclpy.node import Node
from std_srvs.srv import Trigger
from vega_control.stop_latch import is_latched
from vega_runtime import working
from vega_runtime.launched import Ending
from vega_runtime.lifecycle_clients import LifecycleClients
from vega_runtime.parameters import declare, parameter

import hw_config
from vega_bringup.bringup_sequence import BringUp, BringUpError, BringUpStopped, Timeouts
from vega_bringup.readiness import Readiness

_LONGEST_END_S = 10.0
_LOOK_S = 0.1


@dataclass(frozen=True)
class Parameters:
    """Parameters of the node; times are wall time."""

    nodes: tuple[str, ...] = parameter(
        ("sim",), "lifecycle nodes of the robot in the order in which they are activated"
    )
    work: tuple[str, ...] = parameter(
        ("gate", "policy"), "lifecycle nodes that use the robot, activated after it"
    )
    careful: str = parameter(
        "policy", "the one that is activated only with fresh cameras and enabled arms, if any"
    )
    appear_timeout_s: float = parameter(60.0, "until every node has started (s)", 1.0, 600.0)
    configure_timeout_s: float = parameter(180.0, "until a node is configured (s)", 1.0, 3600.0)
    ready_timeout_s: float = parameter(20.0, "until cameras and arms are ready (s)", 1.0, 600.0)


def with_leaders(nodes: Sequence[str], hardware: hw_config.HardwareConfig) -> list[str]:
    """The nodes, with the driver of each leader that has its own bus after that of its arm."""
    leaders = {f"{name}_arm": f"{name}_leader" for name, a in hardware.arms.items() if a.leader_can}
    return [each for node in nodes for each in (node, leaders.get(node)) if each]


class ManagerNode(Node):
    """Offers `manager/shutdown` and runs the sequence outside the executor."""

    def __init__(self, ending: Ending) -> None:
        super().__init__("manager")
        self._settings = declare(self, Parameters)
        self._ending, self._wanted_down = ending, False
        self._hardware = hw_config.load()
        nodes = with_leaders([*self._settings.nodes, *self._settings.work], self._hardware)
        self._bring_up = BringUp(
            nodes,
            LifecycleClients(self, nodes),
            self.get_logger().info,
            lambda: ending.asked or self._wanted_down,
            Timeouts(
                appear_s=self._settings.appear_timeout_s,
                configure_s=self._settings.configure_timeout_s,
                ready_s=self._settings.ready_timeout_s,
            ),
        )
        self.create_service(Trigger, "manager/shutdown", self._on_shutdown)

    def run(self) -> int:
        """Brings the stack up, keeps it until the end is asked for, takes it down.

        Returns:
            The exit code: 0, or 1 when the stack could not come up.
        """
        code = 0
        readiness = Readiness(self, self._hardware)
        try:
            self._bring_up.up(self._settings.careful, readiness.missing)
            # By the thread that spins: it may be waiting for what is closed.
            if self.executor is not None:
                self.executor.create_task(readiness.close)
            while not (self._ending.asked or self._wanted_down):
                time.sleep(_LOOK_S)
        except BringUpStopped:
            pass
        except BringUpError as error:
            self.get_logger().error(f"{error}; shutting down")
            code = 1
        # People have to leave a stop first, by its steps; whoever ends the launch by hand decides.
        while is_latched() and not self._ending.asked:
            time.sleep(_LOOK_S)
        # A stack that does not answer, or a middleware that does not let go, must not keep it.
        last_resort = threading.Timer(_LONGEST_END_S, os._exit, (code,))
        last_resort.daemon = True
        last_resort.start()
        self._bring_up.down()
        return code

    def _on_shutdown(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        when = ", once the emergency stop is left" if is_latched() else ""
        response.success, response.message = True, f"taking the stack down{when}"
        self._wanted_down = True
        return response


def main() -> None:
    """Runs the node; the process ends when the stack is down."""
    working.main(ManagerNode)

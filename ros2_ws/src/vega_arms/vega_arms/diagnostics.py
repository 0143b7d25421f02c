"""The diagnostics of one arm and its bus."""

from __future__ import annotations

import time

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from vega_runtime import diagnostics, qos
from vega_runtime.diagnostics import RateMeter

from vega_arms.config import FOLLOWER, LEADER
from vega_arms.driver import ArmDriver

_BITS_A_FRAME, _BITS_A_SECOND = 120, 1_000_000


class ArmDiagnostics:
    """Publishes what a driver knows, and what rates the node has seen.

    Attributes:
        rates: Joint states that were published, by role.
    """

    def __init__(self, node: Node, arm: str, role: str) -> None:
        self._clock = node.get_clock()
        self._name, self._role = f"{arm} {role} arm", role
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", qos.REPORT)
        self.rates = {role: RateMeter() for role in (FOLLOWER, LEADER)}
        self._frames = (0, time.monotonic())

    def publish(self, driver: ArmDriver) -> None:
        """What holds now."""
        status = driver.snapshot()
        frames, now_s = driver.decoder.frames, time.monotonic()
        before, before_s = self._frames
        self._frames = (frames, now_s)
        hz = (frames - before) / max(now_s - before_s, 1e-3)
        values = {
            "state_hz": self.rates[FOLLOWER].hz,
            "leader_hz": self.rates[LEADER].hz,
            "frames_hz": hz,
            "bus_load_percent": 100.0 * hz * _BITS_A_FRAME / _BITS_A_SECOND,
            **status.values,
        }
        follower = self._role == FOLLOWER
        well = status.enabled if follower else not driver.problem
        level = diagnostics.OK if well else diagnostics.ERROR
        if well and follower and status.notes:
            level = diagnostics.WARN
        stamp = self._clock.now().to_msg()
        self._publisher.publish(diagnostics.report(stamp, self._name, level, status.text, values))

"""What the gate node publishes about the gate: its state, the emergency stop, diagnostics, logs."""

from __future__ import annotations

import time

from diagnostic_msgs.msg import DiagnosticArray
from vega_msgs.msg import EstopState, GateState
from vega_runtime import diagnostics, qos
from vega_runtime.logs import log
from vega_runtime.owned import OwnedEntities
from vega_runtime.stamps import now_s

from vega_control import messages
from vega_control.gate import Gate, Mode
from vega_control.stop_latch import StopLatch

_PERIOD_S = 1.0
_LEVEL = {Mode.HOLD: diagnostics.WARN, Mode.ESTOP: diagnostics.ERROR}


class GateReports:
    """Publishes gate/state, gate/estop_state and diagnostics, and logs what operators read.

    Attributes:
        rate: To be told of each command.
    """

    def __init__(self, owned: OwnedEntities, gate: Gate) -> None:
        """Creates the publishers and publishes the emergency stop's state."""
        self._node, self._gate = owned.node, gate
        self.rate = diagnostics.RateMeter()
        self._published_state: tuple[Mode, str] | None = None
        self._published_estop = ""
        self._latch = StopLatch()
        self._state = owned.publisher(GateState, "gate/state", qos.LATCHED)
        self._estop = owned.publisher(EstopState, "gate/estop_state", qos.LATCHED)
        self._diagnostics = owned.publisher(DiagnosticArray, "/diagnostics", qos.REPORT)
        owned.timer(_PERIOD_S, self._publish_diagnostics)
        self._publish_estop()

    def publish_changes(self) -> None:
        """Logs what has happened, and publishes what has changed."""
        gate = self._gate
        self._latch.update(gate.estop.active, gate.mode, time.monotonic())
        while gate.events:
            event = gate.events.popleft()
            log(self._node, event.level, event.text)
        if (gate.mode, gate.reason) != self._published_state:
            self.publish_state()
        if gate.estop.text != self._published_estop:
            self._publish_estop()

    def publish_state(self) -> None:
        """Publishes mode, reason and counters, changed or not."""
        gate = self._gate
        self._latch.update(gate.estop.active, gate.mode, time.monotonic())
        self._published_state = (gate.mode, gate.reason)
        self._state.publish(messages.state_message(gate, self._now_s()))

    def _publish_estop(self) -> None:
        estop = self._gate.estop
        self._published_estop = estop.text
        self._estop.publish(messages.estop_message(estop, self._now_s()))

    def _publish_diagnostics(self) -> None:
        gate = self._gate
        level = _LEVEL.get(gate.mode, diagnostics.OK)
        text = f"{gate.mode.name.lower()}: {gate.reason}".rstrip(": ")
        values = {"command_hz": self.rate.hz, **messages.gate_values(gate)}
        stamp = self._node.get_clock().now().to_msg()
        self._diagnostics.publish(diagnostics.report(stamp, "gate", level, text, values))

    def _now_s(self) -> float:
        return now_s(self._node.get_clock())

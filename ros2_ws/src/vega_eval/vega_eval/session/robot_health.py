"""Whether cameras, arms and gate are as a trial needs them."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.node import Node
from vega_msgs.msg import ArmStatus, EstopState, GateState
from vega_runtime import qos

from hw_config import HardwareConfig

# Wall time: a slow twin still brings several frames in it.
_FRESH_S = 2.0
PRESSED = "the emergency stop was pressed"


class RobotHealth:
    """Watches what comes, by the clock of the wall.

    Attributes:
        estopped: Whether the emergency stop is pressed.
    """

    def __init__(
        self,
        node: Node,
        hardware: HardwareConfig,
        clock: Callable[[], float] = time.monotonic,
        trouble: Callable[[str], None] = lambda why: None,
    ) -> None:
        """Listens.

        Args:
            node: Who listens.
            hardware: The cell.
            clock: Monotonic.
            trouble: Told what is wrong, for people: a stop or an arm without power as it comes,
                however soon it is over, everything whenever `watch` is called.
        """
        self._clock, self._trouble = clock, trouble
        self._gate: GateState | None = None
        self._seen_s: dict[tuple[str, str], float | None] = {
            ("camera", str(name)): None for name in hardware.cameras
        }
        self._seen_s |= {("arm", str(arm)): None for arm in hardware.arms}
        self._status: dict[str, ArmStatus | None] = dict.fromkeys(map(str, hardware.arms))
        self._estop: EstopState | None = None
        for arm in self._status:
            node.create_subscription(
                ArmStatus, f"{arm}/follower/status", self._on_status(arm), qos.LATCHED
            )
        node.create_subscription(EstopState, "gate/estop_state", self._on_estop, qos.LATCHED)
        node.create_subscription(GateState, "gate/state", self._on_gate, qos.LATCHED)

    def tap(self, what: str, name: str, cdr: bytes) -> None:
        """An image or a joint state has come."""
        self._seen_s[what, name] = self._clock()

    @property
    def estopped(self) -> bool:
        return self._estop is not None and bool(self._estop.active)

    def watch(self) -> None:
        """Call it some times a second: tells what is wrong now."""
        for problem in self.problems()[:1]:
            self._trouble(problem)

    def problems(self) -> list[str]:
        """What is wrong, for people."""
        return [*self._silent(), *self._powerless(), *self._gate_problems()]

    def _silent(self) -> list[str]:
        now_s = self._clock()
        found = []
        for (what, name), seen_s in self._seen_s.items():
            source = f"the {name} camera" if what == "camera" else f"the {name} arm"
            if seen_s is None:
                found.append(f"{source} has sent nothing yet")
            elif now_s - seen_s > _FRESH_S:
                found.append(f"{source} has been silent for more than {_FRESH_S:g} s")
        return found

    def _powerless(self) -> list[str]:
        return [
            f"the {arm} arm is not enabled: {status.text or 'no reason given'}"
            for arm, status in self._status.items()
            if status is not None and not status.enabled
        ]

    def _gate_problems(self) -> list[str]:
        gate = self._gate
        if self.estopped and self._estop is not None:
            steps = ", ".join(self._estop.steps)
            return [f"the emergency stop is pressed ({self._estop.text}): {steps}"]
        if gate is None or gate.mode == GateState.INACTIVE:
            return ["the gate is not active yet"]
        return []

    def _on_status(self, arm: str) -> Callable[[ArmStatus], None]:
        def note(message: ArmStatus) -> None:
            self._status[arm] = message
            if not message.enabled:
                self._trouble(f"the {arm} arm was not enabled: {message.text or 'no reason given'}")

        return note

    def _on_estop(self, message: EstopState) -> None:
        self._estop = message
        if message.active:
            self._trouble(PRESSED)

    def _on_gate(self, message: GateState) -> None:
        before, self._gate = self._gate, message
        # A stop that is reset at once may show in its count alone: only the newest state is kept.
        counted = before is not None and message.estops != before.estops
        if message.mode == GateState.ESTOP or counted:
            self._trouble(PRESSED)

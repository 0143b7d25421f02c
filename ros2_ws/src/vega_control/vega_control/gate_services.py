"""The services of the gate node: who leads the arms, and the emergency stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from std_srvs.srv import Trigger
from vega_msgs.srv import EmergencyStop
from vega_runtime.owned import OwnedEntities

from vega_control.estop import Level
from vega_control.gate import Gate, Now

# What the driver of an arm offers beyond ending its commands.
_DRIVER_SERVICE = {Level.DAMPED: "stop", Level.POWER: "disable"}


class GateServices:
    """Offers gate/hold, home, follow_leader, follow_policy, estop and estop_reset."""

    def __init__(
        self,
        owned: OwnedEntities,
        gate: Gate,
        arms: Sequence[str],
        now: Callable[[], Now],
        changed: Callable[[], None],
    ) -> None:
        """Creates the services.

        Args:
            owned: Makes what the gate node owns.
            gate: What is asked.
            arms: Whose drivers are stopped, too.
            now: Present time.
            changed: Called after each answer.
        """
        self._gate, self._changed = gate, changed
        self._drivers = {
            level: {arm: owned.client(Trigger, f"{arm}/follower/{name}") for arm in arms}
            for level, name in _DRIVER_SERVICE.items()
        }
        asks: dict[str, Callable[[], str | None]] = {
            "hold": gate.pause,
            "home": lambda: gate.home(now()),
            "follow_leader": lambda: gate.follow_leader(now()),
            "follow_policy": gate.follow_policy,
            "estop_reset": lambda: gate.reset_estop(now()),
        }
        for name, ask in asks.items():
            owned.service(Trigger, f"gate/{name}", self._answering(ask))
        owned.service(EmergencyStop, "gate/estop", self._on_estop)

    def _answering(
        self, ask: Callable[[], str | None]
    ) -> Callable[[Trigger.Request, Trigger.Response], Trigger.Response]:
        def answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            refusal = ask()
            response.success = refusal is None
            response.message = refusal or self._gate.reason or self._gate.mode.name.lower()
            self._changed()
            return response

        return answer

    def _on_estop(
        self, request: EmergencyStop.Request, response: EmergencyStop.Response
    ) -> EmergencyStop.Response:
        highest = int(max(Level))
        # Whatever is asked for, it stops.
        level = Level(min(int(request.level), highest))
        self._gate.press_estop(level, request.by)
        silent = self._stop_drivers(level)
        response.success = not silent
        response.message = self._gate.estop.text
        if silent:
            response.message += (
                f". The {' and '.join(silent)} driver offers no {_DRIVER_SERVICE[level]}: "
                "only the commands have ended"
            )
        self._changed()
        return response

    def _stop_drivers(self, level: Level) -> list[str]:
        """Asks the drivers; returns the arms whose driver cannot be asked."""
        clients = self._drivers.get(level, {})
        silent = [arm for arm, client in clients.items() if not client.service_is_ready()]
        for arm, client in clients.items():
            if arm not in silent:
                client.call_async(Trigger.Request())
        return silent

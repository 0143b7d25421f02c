"""Whether the arms follow their leaders, and what has to be done until they do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rclpy.task import Future
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from vega_msgs.msg import GateState
from vega_runtime import qos

from hw_config import HardwareConfig
from teleop.dataset.episode import joint_topic
from teleop.session.consent import Consent

# An arm lags a leader that is moved by 50 ms; what is farther away does not follow. The gate hands
# over up to the same distance.
_FOLLOWS_RAD = 0.2
_ASK_S = 0.5
_MODES = {
    GateState.INACTIVE: "is not active",
    GateState.HOLD: "holds",
    GateState.EXECUTING: "obeys a policy",
    GateState.HOMING: "leads the arms home",
    GateState.ESTOP: "is stopped",
}


class LeaderFollowing(Protocol):
    """Whether the arms follow their leaders."""

    def lacking(self) -> list[str]:
        """Why they do not, and what to do, a sentence each."""

    def hand_over(self) -> str | None:
        """Makes them, where that has to be asked for: what was done, None if nothing."""

    def interrupt(self, why: str) -> None:
        """Something was wrong: before arms begin to follow again somebody has to say so."""

    def close(self) -> None:
        """Lets go of the node."""


def watch(
    node: Node, hardware: HardwareConfig, unattended: bool, newest: Callable[[str], bytes | None]
) -> LeaderFollowing:
    """Watches the leaders of a cell.

    Args:
        node: Whose topics and services are used.
        hardware: The cell.
        unattended: Nobody is at the arms: in the twin, led by a script.
        newest: The newest joint state of a topic as it came, None before the first.
    """
    if hardware.topology == "bus_per_arm":
        return ByGate(node, Consent(unattended, given=True))
    return ByThemselves(hardware, newest)


class ByThemselves:
    """On a bus that they share with their leaders the arms obey them; nobody has to ask."""

    def __init__(self, hardware: HardwareConfig, newest: Callable[[str], bytes | None]) -> None:
        self._arms = {str(name): arm.joint_names for name, arm in hardware.arms.items()}
        self._newest = newest

    def lacking(self) -> list[str]:
        return [text for arm, names in self._arms.items() if (text := self._away(arm, names))]

    def _away(self, arm: str, names: Sequence[str]) -> str:
        leader, follower = (
            self._positions(joint_topic(arm, role), names) for role in ("leader", "follower")
        )
        # Without a joint state there is nothing to compare; that it is missing is told elsewhere.
        if leader is None or follower is None:
            return ""
        # Jaws that hold something are not where the leader's are.
        away = [lead - follow for lead, follow in zip(leader[:-1], follower[:-1])]
        worst = max(range(len(away)), key=lambda joint: abs(away[joint]))
        if abs(away[worst]) <= _FOLLOWS_RAD:
            return ""
        return (
            f"the {arm} arm does not stand where its leader is ({names[worst]} by "
            f"{away[worst]:+.2f} rad): move the leader slowly to where the arm is, and see that "
            "the arm has power"
        )

    def _positions(self, topic: str, names: Sequence[str]) -> Sequence[float] | None:
        data = self._newest(topic)
        if data is None:
            return None
        message = deserialize_message(data, JointState)
        return message.position if list(message.name) == list(names) else None

    def hand_over(self) -> str | None:
        return None

    def interrupt(self, why: str) -> None:
        pass

    def close(self) -> None:
        pass


class ByGate:
    """On buses of their own the gate makes the arms follow, once they stand where the leaders are.

    It is asked when there is consent: when the session begins, and after it has stopped following,
    or a stop or a fault, only when somebody wants a take to start. Where nobody attends, always.
    """

    def __init__(self, node: Node, consent: Consent) -> None:
        self._node, self._consent = node, consent
        self._client = node.create_client(Trigger, "gate/follow_leader")
        self._subscription = node.create_subscription(
            GateState, "gate/state", self._on_state, qos.LATCHED
        )
        self._state: GateState | None = None
        self._answer: Future | None = None
        self._asked_s = 0.0
        self._refusal = ""

    def _on_state(self, state: GateState) -> None:
        before, self._state = self._state, state
        # A stop that is reset at once may be seen in its count alone.
        if state.mode == GateState.ESTOP or state.estops != (before.estops if before else 0):
            self._consent.interrupt("the emergency stop was pressed")
        if state.mode == GateState.LEADER:
            self._consent.use()
            self._refusal = ""

    def lacking(self) -> list[str]:
        state = self._state
        if state is None:
            return ["no state of the gate"]
        if state.mode == GateState.LEADER:
            return []
        if self._consent.given and state.mode == GateState.HOLD:
            self._ask()
            return [self._refusal or "the gate is being asked to follow the leaders"]
        text = f"the gate {_MODES.get(state.mode, 'is busy')}"
        text += f" ({state.reason})" if state.reason else ""
        if state.mode == GateState.HOLD:
            text += "; start (s) hands the arms to the leaders again, once people stand clear"
            text += f" ({self._consent.why})" if self._consent.why else ""
        return [text]

    def _ask(self) -> None:
        if self._answer is not None and self._answer.done():
            answer, self._answer = self._answer.result(), None
            self._refusal = "" if answer.success else answer.message
        now_s = time.monotonic()
        if now_s - self._asked_s < _ASK_S or not self._client.service_is_ready():
            return
        # An answer that got lost is asked for again.
        self._answer = self._client.call_async(Trigger.Request())
        self._asked_s = now_s

    def hand_over(self) -> str | None:
        state = self._state
        if state is None or state.mode != GateState.HOLD:
            return None
        self._consent.give()
        self._ask()
        return (
            "cannot start yet: the gate is asked to follow the leaders; start again (s) when the "
            f"session is ready{'. ' + self._refusal if self._refusal else ''}"
        )

    def interrupt(self, why: str) -> None:
        self._consent.interrupt(why)

    def close(self) -> None:
        self._node.destroy_subscription(self._subscription)
        self._node.destroy_client(self._client)

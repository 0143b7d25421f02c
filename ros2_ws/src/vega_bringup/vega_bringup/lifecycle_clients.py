"""Asks lifecycle nodes for transitions, from any thread while another spins."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.client import Client
from rclpy.node import Node

_TRANSITIONS = {
    "configure": Transition.TRANSITION_CONFIGURE,
    "activate": Transition.TRANSITION_ACTIVATE,
    "deactivate": Transition.TRANSITION_DEACTIVATE,
}


class LifecycleClients:
    """The `change_state` services of some nodes."""

    def __init__(self, node: Node, names: Sequence[str]) -> None:
        self._clients: dict[str, Client] = {
            name: node.create_client(ChangeState, f"{name}/change_state") for name in names
        }

    def is_there(self, node: str) -> bool:
        """Whether the service answers."""
        return bool(self._clients[node].service_is_ready())

    def begin(self, node: str, transition: str) -> Callable[[], bool | None]:
        """Sends the request; the function returned gives the answer, None before it came."""
        client = self._clients[node]
        request = ChangeState.Request(transition=Transition(id=_TRANSITIONS[transition]))
        future = client.call_async(request)

        def answer() -> bool | None:
            if future.done():
                return bool(future.result().success)
            if not client.service_is_ready():
                raise ConnectionError(node)
            return None

        return answer

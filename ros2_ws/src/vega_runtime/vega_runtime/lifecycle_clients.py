"""Asks lifecycle nodes for transitions, from any thread while another spins."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.client import Client
from rclpy.node import Node
from rclpy.task import Future

# A server drops its answer when it has not discovered the client within 100 ms, which happens on
# a busy machine. Without an answer for this long the node is asked for its state instead.
_DOUBT_S = 1.0
# A node is gone when it has not been seen for this long: a node of the same name of an earlier run
# may vanish before its successor is discovered.
_GONE_S = 0.5


class _Step(NamedTuple):
    """A transition, and the states on both sides of it."""

    id: int
    start: int
    goal: int


_STEPS = {
    "configure": _Step(
        Transition.TRANSITION_CONFIGURE,
        State.PRIMARY_STATE_UNCONFIGURED,
        State.PRIMARY_STATE_INACTIVE,
    ),
    "activate": _Step(
        Transition.TRANSITION_ACTIVATE, State.PRIMARY_STATE_INACTIVE, State.PRIMARY_STATE_ACTIVE
    ),
    "deactivate": _Step(
        Transition.TRANSITION_DEACTIVATE, State.PRIMARY_STATE_ACTIVE, State.PRIMARY_STATE_INACTIVE
    ),
    "cleanup": _Step(
        Transition.TRANSITION_CLEANUP,
        State.PRIMARY_STATE_INACTIVE,
        State.PRIMARY_STATE_UNCONFIGURED,
    ),
}


class LifecycleClients:
    """The lifecycle services of some nodes."""

    def __init__(self, node: Node, names: Sequence[str]) -> None:
        self._change: dict[str, Client] = {
            name: node.create_client(ChangeState, f"{name}/change_state") for name in names
        }
        self._state: dict[str, Client] = {
            name: node.create_client(GetState, f"{name}/get_state") for name in names
        }

    def is_there(self, node: str) -> bool:
        """Whether the services answer."""
        ready = (self._change[node].service_is_ready(), self._state[node].service_is_ready())
        return all(ready)

    def begin(self, node: str, transition: str) -> Callable[[], bool | None]:
        """Sends the request; what is returned gives the answer, None before it is known."""
        return _Asked(node, self._change[node], self._state[node], _STEPS[transition])


class _Asked:
    """One transition asked for, until its outcome is known."""

    def __init__(self, node: str, change: Client, state: Client, step: _Step) -> None:
        self._node = node
        self._change = change
        self._state = state
        self._step = step
        self._answers: list[Future] = []
        self._inquiry: Future | None = None
        self._arrived = False
        self._seen_at_s = time.monotonic()
        self._ask()

    def _ask(self) -> None:
        request = ChangeState.Request(transition=Transition(id=self._step.id))
        self._answers.append(self._change.call_async(request))
        self._doubt_at_s = time.monotonic() + _DOUBT_S

    def __call__(self) -> bool | None:
        """True or False when the node has answered, None before.

        Raises:
            ConnectionError: The node is gone.
        """
        known = [bool(answer.result().success) for answer in self._answers if answer.done()]
        if self._arrived or any(known):
            return True
        if len(known) == len(self._answers):
            return False
        if self._change.service_is_ready():
            self._seen_at_s = time.monotonic()
            self._inquire()
        elif time.monotonic() > self._seen_at_s + _GONE_S:
            raise ConnectionError(self._node)
        return True if self._arrived else None

    def _inquire(self) -> None:
        """Finds out by the node's state what became of an answer that does not come."""
        if self._inquiry is None:
            if time.monotonic() > self._doubt_at_s:
                self._inquiry = self._state.call_async(GetState.Request())
                self._doubt_at_s = time.monotonic() + _DOUBT_S
        elif self._inquiry.done():
            state = self._inquiry.result().current_state.id
            self._inquiry = None
            self._arrived = state == self._step.goal
            if state == self._step.start:
                self._ask()  # it was refused, and is refused again
        elif time.monotonic() > self._doubt_at_s:
            self._inquiry = None

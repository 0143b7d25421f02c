"""Services and transitions asked for by a thread that waits, while another one spins."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.client import Client
from rclpy.node import Node
from vega_runtime.lifecycle_clients import LifecycleClients

from vega_eval.session.stack import StackError, Stopped

_POLL_S = 0.02
# A server drops its answer when it has not discovered the client in time: it is asked again.
_ANSWER_S, _TRIES = 5.0, 4
# A node that imports torch on a busy computer takes its time to start.
_APPEAR_S = 60.0


class Calls:
    """Waits for answers, and gives up when the end is asked for.

    Args:
        node: Whose clients they are.
        stopping: Whether the end was asked for.
        lifecycle: Names of the lifecycle nodes that will be asked.
    """

    def __init__(self, node: Node, stopping: Callable[[], bool], *lifecycle: str) -> None:
        self._node, self._stopping = node, stopping
        self._clients: dict[str, Client] = {}
        self._nodes = LifecycleClients(node, lifecycle)

    def offer(self, kind: Any, name: str) -> None:
        """Makes a client early, so that its server is discovered when it is asked."""
        self._clients[name] = self._node.create_client(kind, name)

    def ask(self, name: str, request: Any) -> Any:
        """The answer of a service that may safely be asked twice.

        Raises:
            StackError: It does not answer, or refuses; its own words are told.
        """
        client = self._clients[name]
        if not self.until(client.service_is_ready, _APPEAR_S):
            raise StackError(f"{name} is not there: is its node running?")
        for _ in range(_TRIES):
            answer = client.call_async(request)
            if self.until(answer.done, _ANSWER_S):
                break
        else:
            raise StackError(f"{name} does not answer")
        result = answer.result()
        if not result.success:
            raise StackError(f"{name}: {result.message}")
        return result

    def change(self, node: str, transition: str, timeout_s: float) -> None:
        """Has a lifecycle node make a transition.

        Raises:
            StackError: It refuses, is gone, or takes too long.
        """
        if not self.until(lambda: self._nodes.is_there(node), timeout_s):
            raise StackError(f"node {node} is not there")
        answer = self._nodes.begin(node, transition)
        try:
            if not self.until(lambda: answer() is not None, timeout_s):
                raise StackError(f"node {node} did not {transition} within {timeout_s:g} s")
            if not answer():
                raise StackError(f"node {node} refused to {transition}; its own message says why")
        except ConnectionError:
            raise StackError(f"node {node} died while asked to {transition}") from None

    def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Whether it became true in time.

        Raises:
            Stopped: The end was asked for meanwhile.
        """
        end_s = time.monotonic() + timeout_s
        while not condition():
            if self._stopping():
                raise Stopped
            if time.monotonic() > end_s:
                return False
            time.sleep(_POLL_S)
        return True

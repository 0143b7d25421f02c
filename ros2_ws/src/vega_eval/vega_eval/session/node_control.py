"""The other nodes as a session uses them: their services, their transitions, the policy node.

All is asked for by a thread that waits, while another one spins.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.client import Client
from rclpy.node import Node
from std_srvs.srv import Trigger
from vega_msgs.srv import SelectPolicy
from vega_runtime.lifecycle_clients import LifecycleClients

from teleop.session.consent import Consent
from vega_eval.session.robot_backend import BackendError, Refused, SessionStopped

NODE = "policy"
_POLL_S = 0.02
# A server drops its answer when it has not discovered the client in time: it is asked again.
_ANSWER_S, _TRIES = 5.0, 4
# A node that imports torch on a busy computer takes its time to start.
_APPEAR_S = 60.0
_CHANGE_S = 10.0


class NodeCalls:
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

    def ask(self, name: str, request: Any, consent: Consent | None = None) -> Any:
        """The answer of a service that may safely be asked twice.

        Args:
            name: Of the service.
            request: What it is asked.
            consent: Of people, without which it is not asked, nor asked again.

        Raises:
            BackendError: It does not answer.
            Refused: It says no, in its own words; or there is no consent.
        """
        client = self._clients[name]
        if not self.until(client.service_is_ready, _APPEAR_S):
            raise BackendError(f"{name} is not there: is its node running?")
        for _ in range(_TRIES):
            if consent is not None and not consent.given:
                raise Refused(f"{name} is not called: {consent.barred()}")
            answer = client.call_async(request)
            if self.until(answer.done, _ANSWER_S):
                break
        else:
            raise BackendError(f"{name} does not answer")
        result = answer.result()
        if not result.success:
            raise Refused(f"{name}: {result.message}")
        return result

    def change(self, node: str, transition: str, timeout_s: float) -> None:
        """Has a lifecycle node make a transition.

        Raises:
            BackendError: It is gone, or takes too long.
            Refused: It says no.
        """
        if not self.until(lambda: self._nodes.is_there(node), timeout_s):
            raise BackendError(f"node {node} is not there")
        answer = self._nodes.begin(node, transition)
        try:
            if not self.until(lambda: answer() is not None, timeout_s):
                raise BackendError(f"node {node} did not {transition} within {timeout_s:g} s")
            if not answer():
                raise Refused(f"node {node} refused to {transition}; its own message says why")
        except ConnectionError:
            raise BackendError(f"node {node} died while asked to {transition}") from None

    def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Whether it became true in time.

        Raises:
            SessionStopped: The end was asked for meanwhile.
        """
        end_s = time.monotonic() + timeout_s
        while not condition():
            if self._stopping():
                raise SessionStopped
            if time.monotonic() > end_s:
                return False
            time.sleep(_POLL_S)
        return True


class PolicyControl:
    """Loads checkpoints into the policy node, and lets it act, with people's consent, or rest.

    Attributes:
        checkpoints: Folder of each policy, by letter.
        load_s: The longest that one may take to load.
    """

    def __init__(self, calls: NodeCalls, consent: Consent) -> None:
        self._calls, self._consent = calls, consent
        self.checkpoints: Mapping[str, str] = {}
        self.load_s = 600.0
        calls.offer(SelectPolicy, "policy/select")
        calls.offer(Trigger, "gate/hold")
        calls.offer(Trigger, "gate/follow_policy")
        self._loaded: str | None = None
        self._configured = self._follows = self._acts = False

    def try_out(self, checkpoint: str, name: str) -> None:
        """Loads a checkpoint, to see whether it can be.

        Raises:
            Refused: It cannot; the policy node's own message says why.
            BackendError: The policy node does not answer, or has died.
        """
        try:
            self._configure(checkpoint, name)
        except BackendError as error:
            raise type(error)(f"{checkpoint}: {error}") from None

    def load(self, letter: str) -> None:
        """Makes a policy the one that acts next; one that is loaded already stays. BackendError."""
        if self._loaded != letter:
            self._configure(self.checkpoints[letter], f"policy {letter}")
            self._loaded = letter

    def _configure(self, checkpoint: str, alias: str) -> None:
        self._loaded = None
        if self._configured:
            self._calls.change(NODE, "cleanup", _CHANGE_S)
            self._configured = False
        request = SelectPolicy.Request(checkpoint=checkpoint, alias=alias)
        self._calls.ask("policy/select", request)
        self._calls.change(NODE, "configure", self.load_s)
        self._configured = True

    def act(self) -> None:
        """The policy sends chunks from now on, and the gate follows them. Raises BackendError."""
        self._follows = True
        self._calls.ask("gate/follow_policy", Trigger.Request(), self._consent)
        if not self._consent.given:
            raise Refused(f"the policy does not begin: {self._consent.barred()}")
        self._calls.change(NODE, "activate", _CHANGE_S)
        self._acts = True

    def rest(self) -> None:
        """The policy sends nothing more, and the gate brings the arms to rest. Raises BackendError.

        A gate that is stopped, at whatever moment, says no to the hold: nothing moves there either.
        """
        acts, self._acts = self._acts, False
        follows, self._follows = self._follows, False
        try:
            if acts:
                self._calls.change(NODE, "deactivate", _CHANGE_S)
        finally:
            if follows:
                self.hold()

    def hold(self) -> None:
        """The gate brings the arms to rest, unless it is stopped. Raises BackendError."""
        with contextlib.suppress(Refused):
            self._calls.ask("gate/hold", Trigger.Request())

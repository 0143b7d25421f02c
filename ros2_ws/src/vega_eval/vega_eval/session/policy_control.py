"""The policy node as a session uses it: one checkpoint after the other, acting in trials alone."""

from __future__ import annotations

from collections.abc import Mapping

from std_srvs.srv import Trigger
from vega_msgs.srv import SelectPolicy

from vega_eval.session.calls import Calls
from vega_eval.session.stack import StackError

NODE = "policy"
_LOAD_S, _CHANGE_S = 600.0, 10.0


class PolicyControl:
    """Loads checkpoints into the policy node, and lets it act or rest.

    Attributes:
        checkpoints: Folder of each policy, by letter.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.checkpoints: Mapping[str, str] = {}
        calls.offer(SelectPolicy, "policy/select")
        calls.offer(Trigger, "gate/hold")
        calls.offer(Trigger, "gate/follow_policy")
        self._loaded: str | None = None
        self._configured = self._acts = False

    def try_out(self, checkpoint: str, name: str) -> None:
        """Loads a checkpoint, to see whether it can be.

        Raises:
            StackError: It cannot; the policy node's own message says why.
        """
        try:
            self._configure(checkpoint, name)
        except StackError as error:
            raise StackError(f"{checkpoint}: {error}") from None

    def load(self, letter: str) -> None:
        """Makes a policy the one that acts next; one that is loaded already stays. StackError."""
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
        self._calls.change(NODE, "configure", _LOAD_S)
        self._configured = True

    def act(self) -> None:
        """The policy sends chunks from now on, and the gate follows them. Raises StackError."""
        self._calls.ask("gate/follow_policy", Trigger.Request())
        self._calls.change(NODE, "activate", _CHANGE_S)
        self._acts = True

    def rest(self, stopped: bool) -> None:
        """The policy sends nothing more, and the gate brings the arms to rest. Raises StackError.

        Args:
            stopped: The emergency stop has brought them to rest already.
        """
        if not self._acts:
            return
        self._acts = False
        self._calls.change(NODE, "deactivate", _CHANGE_S)
        if not stopped:
            self._calls.ask("gate/hold", Trigger.Request())

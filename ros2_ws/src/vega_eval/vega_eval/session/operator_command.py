"""Keys for an evaluation session, in a terminal of their own.

ros2 run vega_eval operator
"""

from __future__ import annotations

import os
from typing import Any

from rclpy.client import Client
from rclpy.node import Node
from std_srvs.srv import Trigger
from vega_msgs.msg import EvalState
from vega_msgs.srv import JudgeTrial, NoteTake
from vega_runtime import qos
from vega_runtime.terminal import Asking, Screen, run_keys

from vega_eval.session.keys import HELP, KeyPress, OperatorKeys
from vega_eval.session.operator_console import SessionPhase
from vega_eval.trials.record import TrialOutcome

_TRIGGERS = ("ready", "stop", "redo", "pause", "resume")
_OUTCOMES = {
    TrialOutcome.SUCCESS: JudgeTrial.Request.SUCCESS,
    TrialOutcome.PARTIAL: JudgeTrial.Request.PARTIAL,
    TrialOutcome.FAIL: JudgeTrial.Request.FAIL,
    TrialOutcome.INVALID: JudgeTrial.Request.INVALID,
}
_NO_SESSION = (
    "no session answers yet: is eval.launch.py running, with the same ROS_DOMAIN_ID "
    f"({os.environ.get('ROS_DOMAIN_ID', '0')})?"
)


def state_line(state: EvalState) -> str:
    """How the session stands, for people."""
    line = f"{SessionPhase(state.phase).name:9}  {state.valid}/{state.trials}  {state.text}"
    if state.phase == EvalState.LAYING:
        line += "\n           the reference is blended over the head camera on eval/reset_help"
    return "\n".join([line, *(f"           ! {text}" for text in state.warnings)])


class OperatorNode(Node):
    """Asks the session for what keys say, and shows how it stands."""

    def __init__(self, screen: Screen) -> None:
        super().__init__("eval_operator")
        self._screen = screen
        self.keys = OperatorKeys()
        self._state: EvalState | None = None
        self._shown = ""
        self._clients_by_verb: dict[str, Client] = {
            name: self.create_client(Trigger, f"eval/{name}") for name in _TRIGGERS
        }
        self._clients_by_verb["judge"] = self.create_client(JudgeTrial, "eval/judge")
        self._clients_by_verb["note"] = self.create_client(NoteTake, "eval/note")
        self._asking = Asking(screen, _NO_SESSION)
        self.create_subscription(EvalState, "eval/state", self._on_state, qos.LATCHED)

    def feed(self, character: str) -> bool:
        """Takes a character; returns whether this window is left."""
        press = self.keys.feed(character)
        if press is not None and press.verb == "leave":
            return True
        if press is not None and press.verb == "help":
            self._screen.say(HELP)
        elif press is not None:
            self._ask(press)
        return False

    def typed(self) -> None:
        """Shows what a key has asked back, while it is being answered."""
        if self.keys.question:
            self._screen.live(self.keys.question)

    def check(self) -> None:
        """Call often: shows answers, and notices a session that does not answer."""
        self._asking.check(heard=self._state is not None)

    def _ask(self, press: KeyPress) -> None:
        verb = press.verb
        if verb == "pause" and self._state is not None and self._state.phase == EvalState.PAUSED:
            verb = "resume"
        self._asking.ask(verb, self._clients_by_verb[verb], self._request(press))

    def _request(self, press: KeyPress) -> Any:
        if press.verb == "note":
            return NoteTake.Request(text=press.text)
        if press.verb != "judge" or press.outcome is None:
            return Trigger.Request()
        return JudgeTrial.Request(
            outcome=_OUTCOMES[press.outcome],
            milestones=list(self.keys.milestones[: press.reached]),
            failure_type=press.failure,
            note=press.text,
        )

    def _on_state(self, state: EvalState) -> None:
        self._state, self.keys.milestones = state, list(state.milestones)
        line = state_line(state)
        if line != self._shown:
            self._shown = line
            self._screen.say(line, alarm=bool(state.warnings))
        if state.phase == EvalState.RUNNING and not self.keys.question:
            limit_s = state.time_limit_s
            self._screen.live(f"policy {state.policy}  {state.elapsed_s:5.1f} of {limit_s:.0f} s")


def main() -> None:
    """Runs the command until q, Ctrl-C or the end of its input."""
    run_keys(OperatorNode, HELP)


if __name__ == "__main__":
    main()

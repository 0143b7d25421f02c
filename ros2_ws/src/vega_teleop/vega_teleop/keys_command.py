"""Keys for a recording session, in a terminal of their own.

ros2 run vega_teleop keys
ros2 run vega_teleop keys --ros-args -p cues:=speech
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

from rclpy.client import Client
from rclpy.node import Node
from std_srvs.srv import Trigger
from vega_msgs.msg import TeleopState
from vega_msgs.srv import MarkTake, NoteTake
from vega_runtime import qos
from vega_runtime.parameters import declare, parameter
from vega_runtime.terminal import Asking, Screen, run_keys

from teleop.session.keys import HELP, Keys, Press
from teleop.session.progress import format_duration
from teleop.session.state import without_figures
from vega_teleop.cues import Cues, cue

_TRIGGERS = ("start", "save", "discard", "redo", "delete_last", "undo_delete", "pause", "resume")
# What the session's state does not show by itself.
_SAY_DONE = ("mark", "note", "undo_delete", "delete_last")
_WORDS = {
    TeleopState.WAITING: "WAITING",
    TeleopState.READY: "READY",
    TeleopState.RECORDING: "RECORDING",
    TeleopState.PAUSED: "PAUSED",
    TeleopState.SAVING: "SAVING",
    TeleopState.FINISHED: "FINISHED",
}


@dataclass(frozen=True)
class Parameters:
    """Parameters of the node."""

    cues: str = parameter(
        "bell", "what is heard when a take begins, ends or is bad: bell, speech, none"
    )


def state_line(state: TeleopState) -> str:
    """How the session stands, for people."""
    lines = [f"{_WORDS.get(state.phase, '?'):9}  {progress(state)}  {state.text}"]
    if state.placement and state.phase in (TeleopState.WAITING, TeleopState.READY):
        lines.append(f"{'':9}  place {state.placement}")
    return "\n".join(lines)


def progress(state: TeleopState) -> str:
    """37/100, 52 an hour, 1 h 13 min left."""
    text, missing = f"{state.saved}/{state.wanted}", state.wanted - state.saved
    if missing <= 0 or math.isnan(state.left_s) or state.left_s <= 0.0:
        return text
    per_hour = missing / state.left_s * 3600.0
    return f"{text}, {per_hour:.0f} an hour, {format_duration(state.left_s)} left"


class KeysNode(Node):
    """Asks the session for what keys say, and shows how it stands."""

    def __init__(self, screen: Screen) -> None:
        super().__init__("teleop_keys")
        self._cues = Cues(declare(self, Parameters).cues)
        self._screen = screen
        self._triggers = {name: self.create_client(Trigger, f"teleop/{name}") for name in _TRIGGERS}
        self._mark = self.create_client(MarkTake, "teleop/mark")
        self._note = self.create_client(NoteTake, "teleop/note")
        self.create_subscription(TeleopState, "teleop/state", self._on_state, qos.LATCHED)
        self._state: TeleopState | None = None
        self._shown = ""
        self._keys = Keys()
        self._asking = Asking(screen, _NO_SESSION, _SAY_DONE)
        if self._cues.missing:
            screen.say(self._cues.missing)

    def press(self, press: Press) -> None:
        """Asks for what was pressed."""
        verb = press.verb
        if verb == "help":
            self._screen.say(HELP)
        elif verb in ("success", "failure"):
            self._ask("mark", self._mark, MarkTake.Request(success=verb == "success"))
        elif verb == "note":
            self._ask("note", self._note, NoteTake.Request(text=press.text))
        else:
            if verb == "pause" and self._state and self._state.phase == TeleopState.PAUSED:
                verb = "resume"
            self._ask(verb, self._triggers[verb], Trigger.Request())

    def _ask(self, verb: str, client: Client, request: Any) -> None:
        self._asking.ask(verb, client, request)

    def check(self) -> None:
        """Call often: shows answers, and notices a session that does not answer."""
        self._asking.check(heard=self._state is not None)

    def feed(self, character: str) -> bool:
        """Takes a character; returns whether this window is left."""
        press = self._keys.feed(character)
        if press is not None and press.verb == "leave":
            return True
        if press is not None:
            self.press(press)
        return False

    def typed(self) -> None:
        """Shows what has been typed of a note."""
        if self._keys.note is not None:
            self._screen.live(f"note (Enter ends, Esc gives up): {self._keys.note}")

    def _on_state(self, state: TeleopState) -> None:
        heard = cue(self._state, state)
        self._state = state
        if heard is not None:
            self._cues.play(heard)
        line = state_line(state)
        waits = state.phase == TeleopState.WAITING
        text = without_figures(state.text) if waits else state.text
        steady = f"{state.phase} {text} {state.placement} {state.saved}"
        if steady != self._shown:
            self._shown = steady
            self._screen.say(line, alarm=bool(state.problems))
        if state.phase == TeleopState.RECORDING:
            word = "BAD TAKE" if state.problems else "recording"
            self._screen.live(f"{word} {state.take_s:5.1f} s")


_NO_SESSION = (
    "no session answers yet: is teleop.launch.py running, with the same ROS_DOMAIN_ID "
    f"({os.environ.get('ROS_DOMAIN_ID', '0')})?"
)


def main() -> None:
    """Runs the command until Q, Ctrl-C or the end of its input."""
    run_keys(KeysNode, HELP)


if __name__ == "__main__":
    main()

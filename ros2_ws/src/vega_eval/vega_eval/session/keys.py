"""What single keys ask an evaluation session for."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple

from vega_eval.failure_types import in_order
from vega_eval.trials.record import TrialOutcome

HELP = (
    "Enter the objects lie, nobody is near    + success    - failed    % partly done\n"
    "x does not count    space end the trial    r play the last one again    n note\n"
    "p pause or go on    q leave this window (the session goes on)    h this help"
)
_SIMPLE = {
    "\r": "ready",
    "\n": "ready",
    " ": "stop",
    "r": "redo",
    "p": "pause",
    "q": "leave",
    "h": "help",
    "?": "help",
}
_ESCAPE, _ENTER, _ERASE = "\x1b", "\r\n", "\x7f\b"


class KeyPress(NamedTuple):
    """What was asked for; a judgement comes with its details, a note with its text."""

    verb: str
    outcome: TrialOutcome | None = None
    reached: int = 0
    failure: str = ""
    text: str = ""


class _Asks(enum.Enum):
    NOTHING = enum.auto()
    FAILURE = enum.auto()
    REACHED = enum.auto()
    TEXT = enum.auto()


class OperatorKeys:
    """Turns characters into what they ask for; some ask back.

    Attributes:
        milestones: Of the task, in order; partly done asks how many were reached.
    """

    def __init__(self) -> None:
        self.milestones: Sequence[str] = ()
        self._asks = _Asks.NOTHING
        self._outcome = TrialOutcome.FAIL
        self._reached = 0
        self._text = ""

    @property
    def question(self) -> str:
        """What is asked back now, with what was typed so far; empty if nothing."""
        if self._asks is _Asks.FAILURE:
            kinds = "   ".join(f"{kind.key} {kind.prompt}" for kind in in_order())
            return f"why? {kinds}   Enter not sure   Esc back"
        if self._asks is _Asks.REACHED:
            steps = "   ".join(f"{i} {name}" for i, name in enumerate(self._steps, start=1))
            return f"how far? {steps}   Esc back"
        if self._asks is _Asks.TEXT:
            what = "why does it not count" if self._outcome is TrialOutcome.INVALID else "note"
            return f"{what} (Enter ends, Esc gives up): {self._text}"
        return ""

    @property
    def _steps(self) -> Sequence[str]:
        return self.milestones[:-1]

    def feed(self, character: str) -> KeyPress | None:
        """Takes one character; returns what it asks for, if anything."""
        if character == _ESCAPE:
            self._asks = _Asks.NOTHING
            return None
        return {
            _Asks.NOTHING: self._begin,
            _Asks.FAILURE: self._failure,
            _Asks.REACHED: self._progress,
            _Asks.TEXT: self._type,
        }[self._asks](character)

    def _begin(self, character: str) -> KeyPress | None:
        key = character.lower()
        self._reached = 0
        if key in "+=":
            return KeyPress("judge", TrialOutcome.SUCCESS)
        if key == "-":
            self._asks, self._outcome = _Asks.FAILURE, TrialOutcome.FAIL
        elif key in "%5":
            self._asks, self._outcome = _Asks.REACHED, TrialOutcome.PARTIAL
        elif key in "xn":
            self._asks, self._text = _Asks.TEXT, ""
            self._outcome = TrialOutcome.INVALID if key == "x" else TrialOutcome.FAIL
        elif key in _SIMPLE:
            return KeyPress(_SIMPLE[key])
        return None

    def _progress(self, character: str) -> KeyPress | None:
        if character.isdecimal() and 1 <= int(character) <= len(self._steps):
            self._reached = int(character)
            self._asks = _Asks.FAILURE
        return None

    def _failure(self, character: str) -> KeyPress | None:
        key = character.lower()
        kinds = {kind.key: kind.value for kind in in_order()}
        if key not in kinds and character not in _ENTER:
            return None
        self._asks = _Asks.NOTHING
        return KeyPress("judge", self._outcome, self._reached, kinds.get(key, ""))

    def _type(self, character: str) -> KeyPress | None:
        if character in _ENTER:
            text, self._asks = self._text.strip(), _Asks.NOTHING
            if not text:
                return None
            if self._outcome is TrialOutcome.INVALID:
                return KeyPress("judge", TrialOutcome.INVALID, text=text)
            return KeyPress("note", text=text)
        if character in _ERASE:
            self._text = self._text[:-1]
        elif character.isprintable():
            self._text += character
        return None

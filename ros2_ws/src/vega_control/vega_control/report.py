"""What the gate reports: its mode, its counters, and events for the operator."""

from __future__ import annotations

import enum
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import NamedTuple

from vega_runtime.repeats import Repeats

_SLOW = (
    "this computer is too slow, or the policy takes longer than its chunks last; close other "
    "programs, or look at policy/inference"
)
_LOST = (
    "a cable or an adapter is loose, or this computer is too slow; look at /diagnostics, and close "
    "other programs"
)
CHUNKS, STALE = "chunks", "stale chunks"
"""Kinds of lateness that are a policy's; any other one is that of a source of joint states."""


class Mode(enum.IntEnum):
    """What the gate does; the numbers are those of vega_msgs/GateState."""

    INACTIVE = 0
    HOLD = 1
    EXECUTING = 2
    HOMING = 3
    LEADER = 4
    ESTOP = 5


class Event(NamedTuple):
    """Something an operator should read, once. `level` is info, warn or error."""

    level: str
    text: str


@dataclass
class Counters:
    """What happened since the gate was activated."""

    chunks_accepted: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    commands_sent: int = 0
    commands_clamped: int = 0
    commands_blocked: int = 0
    holds: int = 0
    estops: int = 0


class Log:
    """Events for the operator; what repeats itself is logged once.

    Attributes:
        events: To be read, oldest first.
        now_s: The present, by any steady clock.
    """

    def __init__(self) -> None:
        self.events: deque[Event] = deque(maxlen=100)
        self.now_s = 0.0
        self._refusing: str | None = None
        self._last = ""
        self._slow, self._lost, self._told = Repeats(_SLOW), Repeats(_LOST), True

    def add(self, level: str, text: str) -> None:
        """Notes an event, unless it is the last one again."""
        self._told = True
        if text != self._last:
            self.always(level, text)

    def always(self, level: str, text: str) -> None:
        """Notes an event, also if it is the last one again."""
        self._told, self._last = True, text
        self.events.append(Event(level, text))

    def late(self, level: str, text: str, kind: str) -> None:
        """Notes that something did not come in time; many times in a row become one sentence.

        Args:
            level: Of the event.
            text: What did not come.
            kind: What is counted together: CHUNKS, STALE, or whose joint states do not come.
        """
        repeats = self._slow if kind in (CHUNKS, STALE) else self._lost
        line = repeats.line(kind, text, self.now_s)
        if line is not None:
            self.events.append(Event(level, line))
        self._told = line == text

    def in_time(self, text: str) -> None:
        """Notes that it goes on, unless it was not told either that it did not."""
        if self._told:
            self.always("info", text)

    def refusal(self, reason: str | None, text: str = "") -> None:
        """Notes a refusal, or with None that something was accepted.

        A sender that repeats its mistake 3 times a second is reported once.
        """
        if reason is not None and reason != self._refusing and text:
            if reason == "stale":
                self.late("warn", text, STALE)
            else:
                self.add("warn", text)
        self._refusing = reason

"""What the gate reports: its mode, its counters, and events for the operator."""

from __future__ import annotations

import enum
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import NamedTuple


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
    """Events for the operator; what repeats itself is logged once."""

    def __init__(self) -> None:
        self.events: deque[Event] = deque(maxlen=100)
        self._refusing: str | None = None

    def add(self, level: str, text: str) -> None:
        """Notes an event."""
        self.events.append(Event(level, text))

    def refusal(self, reason: str | None, text: str = "") -> None:
        """Notes a refusal, or with None that something was accepted.

        A sender that repeats its mistake 3 times a second is reported once.
        """
        if reason is not None and reason != self._refusing and text:
            self.add("warn", text)
        self._refusing = reason

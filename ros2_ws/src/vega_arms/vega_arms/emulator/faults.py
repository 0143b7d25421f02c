"""What can go wrong with an arm or its bus, on purpose."""

from __future__ import annotations

import enum
import random

from vega_arms import frames
from vega_arms.protocol import Frame


class Fault(enum.Enum):
    """Faults that an emulator can be told to have."""

    SILENCE = "silence"
    BUS_OFF = "bus_off"
    ADAPTER_GONE = "adapter_gone"
    GARBAGE = "garbage"
    TRUNCATED = "truncated"
    FROZEN = "frozen"
    UNKNOWN_CODES = "unknown_codes"
    LEADER_ROLE = "leader_role"
    DISABLED = "disabled"
    COLLISION = "collision"
    LIMITS = "limits"
    STUCK = "stuck"
    LOOSE = "loose"
    MIT_MODE = "mit_mode"
    GRIPPER_OFF = "gripper_off"
    GRIPPER_OVERCURRENT = "gripper_overcurrent"
    GRIPPER_HOT = "gripper_hot"
    GRIPPER_STUCK = "gripper_stuck"
    GRIPPER_NOT_ZEROED = "gripper_not_zeroed"


AILMENTS = frozenset(
    (
        Fault.STUCK,
        Fault.LOOSE,
        Fault.MIT_MODE,
        Fault.GRIPPER_OFF,
        Fault.GRIPPER_HOT,
        Fault.GRIPPER_STUCK,
        Fault.GRIPPER_NOT_ZEROED,
    )
)
"""Faults of the arm itself that end with the fault; what others change in it, stays changed."""


class Damage:
    """Does to the frames of a period what a fault on the bus does."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._kept: dict[int, bytes] = {}

    def apply(self, fault: Fault | None, sent: list[Frame]) -> list[Frame]:
        """The frames that reach the bus."""
        if fault is Fault.FROZEN:
            return [(i, self._kept.setdefault(i, data)) for i, data in sent]
        self._kept.clear()
        if fault in (Fault.SILENCE, Fault.BUS_OFF, Fault.ADAPTER_GONE):
            return []
        if fault is Fault.TRUNCATED:
            return [(i, data[: self._random.randrange(len(data) + 1)]) for i, data in sent]
        if fault is Fault.GARBAGE:
            return sent + [self._noise(sent) for _ in sent[::3]]
        if fault is Fault.UNKNOWN_CODES:
            return [(i, self._unknown(i, data)) for i, data in sent]
        return sent

    def _noise(self, sent: list[Frame]) -> Frame:
        known = self._random.random() < 0.5
        identifier = self._random.choice(sent)[0] if known else self._random.randrange(0x800)
        return identifier, self._random.randbytes(self._random.randrange(9))

    def _unknown(self, identifier: int, data: bytes) -> bytes:
        return bytes([0x77] * 5) + data[5:] if identifier == frames.STATUS else data

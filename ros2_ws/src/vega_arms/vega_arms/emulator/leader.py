"""An emulated arm in the role of a leader: it says where the hand leads it, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from vega_arms import frames, protocol
from vega_arms.emulator.settings import Settings
from vega_arms.protocol import Frame

_TICK_S = 0.005
_FULL_SPEED = 100
_GRIPPER_EFFORT = 1000

Hand = Callable[[float], Sequence[float]]
"""Where the hand leads the arm after so many seconds: joints 1-6 in rad, gripper in m."""


def still(pose: Sequence[float]) -> Hand:
    """A hand that rests."""
    fixed = tuple(pose)
    return lambda time_s: fixed


def sweep(pose: Sequence[float], amplitude: float = 0.2, period_s: float = 4.0) -> Hand:
    """A hand that swings every joint about a pose, starting there at rest."""

    def at(time_s: float) -> list[float]:
        swing = 0.5 * amplitude * (1.0 - math.cos(2.0 * math.pi * time_s / period_s))
        # Away from the limits at zero: joint 3 moves down, the others up.
        signs = (1.0, 1.0, -1.0, 1.0, 1.0, 1.0)
        q = [value + sign * swing for value, sign in zip(pose, signs)]
        return [*q, max(0.0, pose[6] + 0.05 * swing)]

    return at


class Leader:
    """Sends 0x151, 0x155-0x157 and 0x159 every 5 ms, as the hand moves it.

    Args:
        hand: Where it is led.
        silent_when_still: Some firmware says nothing while nobody moves the arm.
    """

    def __init__(
        self, hand: Hand, settings: Settings | None = None, silent_when_still: bool = False
    ) -> None:
        self.hand = hand
        self.settings = settings or Settings(role=frames.LEADER)
        self._silent_when_still = silent_when_still
        self._ticks = 0
        self._last: tuple[float, ...] = ()

    def receive(self, identifier: int, data: bytes | bytearray) -> list[Frame]:
        """A leader answers nothing; it obeys a change of role alone."""
        frame = protocol.decode(identifier, data)
        if identifier == frames.ROLE and frame is not None:
            if frame[0] in (frames.LEADER, frames.FOLLOWER):
                self.settings.role = frame[0]
            self.settings.linkage_offset = frame[3] & 0x30
        return []

    def tick(self) -> list[Frame]:
        """Moves on by 5 ms and returns what the arm says."""
        self._ticks += 1
        if self.settings.role != frames.LEADER:
            return []
        pose = tuple(self.hand(self._ticks * _TICK_S))
        moved, self._last = pose != self._last, pose
        if self._silent_when_still and not moved:
            return []
        sent = control_frames(pose[:6], pose[6], self.settings.linkage_offset)
        if self._ticks == 1:
            sent[1:1] = [
                protocol.encode(frames.ENABLE, frames.Enable(7, 2)),
                protocol.encode(frames.LEADER_HEARTBEAT, frames.Byte(1)),
            ]
        return sent


def control_frames(q: Sequence[float], gripper: float, offset: int = 0) -> list[Frame]:
    """What a leader sends in one period: mode, three pairs of joints, gripper."""
    mode = frames.Mode(1, 1, _FULL_SPEED, frames.HIGH_FOLLOW)
    target = frames.GripperTarget(round(gripper * 1e6), _GRIPPER_EFFORT, 1)
    sent = [
        protocol.encode(frames.MODE, mode),
        *protocol.joint_pairs(frames.JOINT_TARGET, map(protocol.to_millidegrees, q)),
        protocol.encode(frames.GRIPPER_TARGET, target),
    ]
    return [(identifier + offset, data) for identifier, data in sent] if offset else sent

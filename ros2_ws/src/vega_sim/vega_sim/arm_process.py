"""The emulated arms of a bus as a process, started by `EmulatedArm`: a follower, a leader or both.

It learns how the twin moves the follower, and where the operator leads the leader.

An arm's controller goes on at its own pace whatever its surroundings do; in one process with the
twin it would fall silent whenever another thread keeps Python's interpreter to itself.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from vega_arms import buses
from vega_arms.emulator import Drive, Emulator, Follower, Leader, Measured
from vega_arms.emulator.emulator import Device
from vega_arms.emulator.faults import Fault

Array = NDArray[np.float64]
JOINTS = 6
HEAL = "none"
READY = b"ready"
FAULT, LEAD = b"fault ", b"lead "
FOLLOWER, LEADER, BOTH = "follower", "leader", "both"
_GRIPPER_SPEED = 0.3
# The twin's jaws press with 14 N at most; this stands for the 1 N m that a gripper is told.
_NM_PER_N = 1.0 / 14.0
_LONGEST = 1024


@dataclass(frozen=True)
class Asked:
    """What an arm's controller asks of its motors.

    Attributes:
        target: [7] rad, gripper m.
        powered: [7].
        damped: [7], which sink slowly instead of following.
    """

    target: Array
    powered: NDArray[np.bool_]
    damped: NDArray[np.bool_]

    def pack(self) -> bytes:
        """As it travels between the processes."""
        return np.concatenate((self.target, self.powered, self.damped)).tobytes()

    @classmethod
    def unpack(cls, data: bytes) -> Asked:
        """The inverse of `pack`."""
        target, powered, damped = np.frombuffer(data).reshape(3, JOINTS + 1)
        return cls(target, powered > 0.5, damped > 0.5)


class TwinArm:
    """Mechanics of an emulated arm, between its controller and the twin's physics.

    Until it has been given power for the first time the arm rests on a stand.
    """

    def __init__(self, home: Sequence[float]) -> None:
        self.measured = self._newest = _measured(np.array(home), np.zeros(7), np.zeros(7))
        self._setpoint = np.array(home, dtype=float)
        self.asked: Asked | None = None

    def step(self, dt: float, drive: Drive) -> None:
        """The controller's period: takes its targets, at the arm's own speed."""
        self.measured = self._newest
        powered = np.array([*drive.powered, True])
        if self.asked is None and not powered.all():
            return
        follows = powered & np.array([not drive.damped] * JOINTS + [True])
        now = np.array([*self.measured.q, self._setpoint[JOINTS]])
        gripper = now[JOINTS] if drive.gripper is None else drive.gripper
        fastest = np.array([*drive.max_speed, _GRIPPER_SPEED]) * dt
        gap = np.array([*drive.targets, gripper]) - self._setpoint
        ahead = self._setpoint + np.clip(gap, -fastest, fastest)
        self._setpoint = np.where(follows, ahead, now)
        self.asked = Asked(self._setpoint, powered, powered & ~follows)

    def observe(self, q: Array, dq: Array, effort: Array) -> None:
        """The physics' period: what its sensors say, [7] each."""
        self._newest = _measured(q, dq, effort)


def _measured(q: Array, dq: Array, effort: Array) -> Measured:
    return Measured(
        q[:JOINTS].tolist(),
        dq[:JOINTS].tolist(),
        effort[:JOINTS].tolist(),
        float(q[JOINTS]),
        float(effort[JOINTS]) * _NM_PER_N,
    )


class OperatorsHand:
    """Leads an emulated leader: where the operator has put it last."""

    def __init__(self, home: Sequence[float]) -> None:
        self.pose: Sequence[float] = tuple(home)

    def __call__(self, time_s: float) -> Sequence[float]:
        return self.pose


def serve(link: socket.socket, arm: TwinArm, hand: OperatorsHand, emulator: Emulator) -> None:
    """Answers every measurement of the twin with what the controller asks, until the link ends.

    It ends with the process that started this one.
    """
    link.sendall(READY)
    while data := link.recv(_LONGEST):
        if data.startswith(FAULT):
            name = data.removeprefix(FAULT).decode("ascii")
            emulator.inject(None if name == HEAL else Fault(name))
            continue
        if data.startswith(LEAD):
            hand.pose = np.frombuffer(data.removeprefix(LEAD)).tolist()
            continue
        arm.observe(*np.frombuffer(data).reshape(3, JOINTS + 1))
        if arm.asked is not None:
            link.sendall(arm.asked.pack())


def main(arguments: Sequence[str]) -> int:
    """Entry point: file descriptor of the link, kind and name of the bus, role, home [7]."""
    descriptor, interface, channel, role, *home = arguments
    arm = TwinArm([float(value) for value in home])
    hand = OperatorsHand([float(value) for value in home])
    link = socket.socket(fileno=int(descriptor))
    try:
        bus = buses.open_bus(interface, channel)
    except OSError as error:
        link.sendall(str(error).encode())
        return 1
    devices: list[Device] = [] if role == LEADER else [Follower(physics=arm)]
    if role != FOLLOWER:
        devices.append(Leader(hand))
    with link, Emulator(bus, devices) as emulator, contextlib.suppress(ConnectionError):
        serve(link, arm, hand, emulator)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

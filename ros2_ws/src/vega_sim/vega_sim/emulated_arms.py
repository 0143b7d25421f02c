"""The twin's arms as Piper arms on CAN buses, each a process of its own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from vega_arms.emulator.faults import Fault

from hw_config import HardwareConfig
from vega_sim import arm_process
from vega_sim.arm_process import BOTH, FAULT, FOLLOWER, HEAL, LEAD, LEADER, READY, Asked

_START_S, _END_S = 60.0, 2.0
_LONGEST = 1024


class EmulatedArm:
    """The twin's end of the process of a bus.

    Args:
        interface: kind of bus, see `vega_arms.buses`.
        channel: name of the bus.
        home: where its arms rest, rad, gripper m.
        role: which arms are on it: a follower, a leader or both.
    """

    def __init__(
        self, interface: str, channel: str, home: Sequence[float], role: str = FOLLOWER
    ) -> None:
        self._link, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Tests put packages on the path that are not installed.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with other:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", arm_process.__name__),
                    *(str(other.fileno()), interface, channel, role, *map(str, home)),
                ],
                stdin=subprocess.DEVNULL,
                pass_fds=[other.fileno()],
                env=environment,
                # Ctrl-C is for those who started it; it ends when they do.
                start_new_session=True,
            )
        self._asked: Asked | None = None

    def wait(self) -> None:
        """Returns when the arm speaks.

        Raises:
            OSError: Its bus cannot be opened; the text says why.
        """
        self._link.settimeout(_START_S)
        said = self._link.recv(_LONGEST)
        if said != READY:
            raise OSError(said.decode() or "the process of an emulated arm ended")
        self._link.setblocking(False)

    @property
    def asked(self) -> Asked | None:
        """What its controller asks now; None before it has had power for the first time."""
        with contextlib.suppress(BlockingIOError):
            while data := self._link.recv(_LONGEST):
                self._asked = Asked.unpack(data)
            raise ConnectionError("the process of an emulated arm ended")
        return self._asked

    def observe(
        self, q: NDArray[np.float64], dq: NDArray[np.float64], effort: NDArray[np.float64]
    ) -> None:
        """Passes on what its sensors measured, [7] each."""
        with contextlib.suppress(BlockingIOError):
            self._link.send(np.concatenate((q, dq, effort)).tobytes())

    def lead(self, q: NDArray[np.float64]) -> None:
        """Tells where the operator has put the leader, [7]."""
        with contextlib.suppress(BlockingIOError):
            self._link.send(LEAD + q.tobytes())

    def inject(self, fault: str) -> None:
        """Begins a fault, or with "none" ends it."""
        self._link.send(FAULT + fault.encode())

    def close(self) -> None:
        """Ends the process."""
        self._link.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class EmulatedArms:
    """The arms on every bus of the cell; the followers are moved by the twin.

    Args:
        hw: names the arms, their buses and where they rest.
        interface: kind of bus, see `vega_arms.buses`.
        with_leaders: whether there are leaders, each on the bus that hw_config says.

    Attributes:
        arms: the followers, by name.
        leaders: the leaders, by the same names; one that shares a bus is on its follower's.
    """

    def __init__(
        self, hw: HardwareConfig, interface: str = "udp_multicast", with_leaders: bool = False
    ) -> None:
        self.arms: dict[str, EmulatedArm] = {}
        self.leaders: dict[str, EmulatedArm] = {}
        for name, arm in hw.arms.items():
            role = BOTH if with_leaders and not arm.leader_can else FOLLOWER
            self.arms[str(name)] = EmulatedArm(interface, arm.can, arm.home, role)
            if role == BOTH:
                self.leaders[str(name)] = self.arms[str(name)]
            elif with_leaders and arm.leader_can:
                leader = EmulatedArm(interface, arm.leader_can, arm.home, LEADER)
                self.leaders[str(name)] = leader
        own = {f"{k} leader": v for k, v in self.leaders.items() if v is not self.arms[k]}
        self._buses = {**self.arms, **own}

    def wait(self) -> None:
        """Returns when all arms speak.

        Raises:
            OSError: A bus cannot be opened.
        """
        for bus in self._buses.values():
            bus.wait()

    def lead(self, arm: str, q: NDArray[np.float64]) -> None:
        """Tells where the operator has put a leader, [7]."""
        self.leaders[arm].lead(q)

    def inject(self, kind: str, target: str) -> None:
        """Begins a fault of one arm or its bus; "none" ends all that end by themselves.

        Raises:
            ValueError: There is no such fault or arm; the text says which there are.
        """
        known = [*(fault.value for fault in Fault), HEAL]
        if kind not in known:
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join(known)}")
        if kind != HEAL and target not in self._buses:
            raise ValueError(f"{kind} needs one of {', '.join(self._buses)}, got {target!r}")
        for name, bus in self._buses.items():
            if kind == HEAL or name == target:
                bus.inject(kind)

    def close(self) -> None:
        """Switches them off."""
        for bus in self._buses.values():
            bus.close()

"""A driver and an emulated arm on a bus inside this process."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import can
import pytest
from vega_arms import buses
from vega_arms.config import DriverConfig
from vega_arms.driver import ArmDriver
from vega_arms.emulator import POSE, Emulator, Follower, Leader, Settings, SimpleArm
from vega_arms.emulator.leader import Hand

WAIT_S = 15.0
_numbers = itertools.count()


class Adapter:
    """A USB-CAN adapter that can be pulled out, and put in again; deaf, it loses what comes."""

    def __init__(self) -> None:
        self.gone = False
        self.refuses_sends = False
        self.deaf = False

    def open(self, channel: str) -> can.BusABC:
        if self.gone:
            raise OSError(f"{channel}: there is no such CAN interface")
        return PluggedBus(self, buses.open_bus("virtual", channel))


class PluggedBus(can.BusABC):
    """Fails as a bus does whose adapter is gone."""

    def __init__(self, adapter: Adapter, inner: can.BusABC) -> None:
        self._adapter, self._inner = adapter, inner
        super().__init__(channel="plugged")

    def recv(self, timeout=None):
        if self._adapter.gone:
            raise can.CanOperationError("No such device")
        message = self._inner.recv(timeout)
        return None if self._adapter.deaf else message

    def send(self, msg, timeout=None):
        if self._adapter.gone or self._adapter.refuses_sends:
            raise can.CanOperationError("No buffer space available")
        self._inner.send(msg, timeout)

    def shutdown(self):
        super().shutdown()
        self._inner.shutdown()


class Rig:
    """One bus: a follower, perhaps a leader, a driver; and all that the driver says."""

    def __init__(
        self, settings: Settings | None = None, leader: Hand | None = None, **config: object
    ) -> None:
        self.channel = f"can_test{next(_numbers)}"
        self.arm = Follower(settings or Settings(), SimpleArm(POSE[:6], POSE[6], on_stand=True))
        self.leader = None if leader is None else Leader(leader)
        devices = [self.arm] if self.leader is None else [self.arm, self.leader]
        self.emulator = Emulator(buses.open_bus("virtual", self.channel), devices)
        self.adapter = Adapter()
        self.states, self.leader_states, self.reports = [], [], []
        self.changed = threading.Condition()
        limits = {
            "lower": (-2.6179, 0.0, -2.967, -1.745, -1.22, -2.0944, 0.0),
            "upper": (2.6179, 3.14, 0.0, 1.745, 1.22, 2.0944, 0.07),
            "velocity": (2.0, 2.0, 2.0, 2.5, 2.5, 2.5, 0.2),
        }
        given = {**limits, **config}
        names = tuple(f"left_joint{i}" for i in range(1, 8))
        self.config = DriverConfig("left", names, self.channel, **given)
        self.driver = self.make_driver()
        self.sequence = 0

    def make_driver(self) -> ArmDriver:
        return ArmDriver(
            self.config,
            self.adapter.open,
            partial(self._note, self.states),
            partial(self._note, self.leader_states),
            partial(self._note, self.reports),
        )

    def _note(self, where: list, what: object) -> None:
        with self.changed:
            where.append(what)
            self.changed.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        end_s = time.monotonic() + WAIT_S
        with self.changed:
            while not condition():
                assert time.monotonic() < end_s, f"it did not happen; {self.driver.snapshot()}"
                self.changed.wait(0.02)

    def texts(self) -> str:
        return "\n".join(report.text for report in self.reports)

    def until_said(self, words: str) -> None:
        self.until(lambda: any(words in report.text for report in self.reports))

    def start(self, enable: bool = True) -> Rig:
        self.emulator.start()
        self.driver.open()
        if enable:
            self.driver.enable()
        return self

    def send(self, *changes: tuple[int, float], validity_s: float = 0.2) -> str | None:
        """Commands the resting posture with some joints (0-6) elsewhere."""
        target = list(POSE)
        for joint, value in changes:
            target[joint] = value
        self.sequence += 1
        return self.driver.command(target, self.sequence, validity_s)

    def lead(self, *changes: tuple[int, float], until: Callable[[], bool]) -> None:
        """Commands at about 200 Hz until something has come about."""

        def again() -> bool:
            self.send(*changes)
            return until()

        self.until(again)

    @property
    def q(self) -> list[float]:
        return self.arm.physics.measured.q

    def close(self) -> None:
        self.driver.close()
        self.emulator.close()


@pytest.fixture(autouse=True)
def quick_threads() -> Iterator[None]:
    """As in the driver's process: a thread that has work must not wait 5 ms for it."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def make_rig() -> Iterator[Callable[..., Rig]]:
    """Makes rigs and takes them down."""
    made: list[Rig] = []

    def make(*given: object, **config: object) -> Rig:
        made.append(Rig(*given, **config))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    """A follower alone, enabled."""
    return make_rig().start()

"""How soon the driver notices a fault: from its begin until nothing is commanded any more."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

from vega_arms import buses, frames
from vega_arms.config import DriverConfig
from vega_arms.driver import ArmDriver
from vega_arms.emulator import POSE, Emulator, Follower, Leader, SimpleArm
from vega_arms.emulator.faults import Fault
from vega_arms.emulator.leader import still

import hw_config

_PERIOD_S = 0.005
_PATIENCE_S = 5.0
_BEFORE_S = 0.3
_CHANNEL = "can_bench_faults"
_FAULTS = (
    Fault.SILENCE,
    Fault.ADAPTER_GONE,
    Fault.BUS_OFF,
    Fault.DISABLED,
    Fault.COLLISION,
    Fault.LEADER_ROLE,
)


def detection_ms() -> dict[str, float]:
    """Milliseconds until the driver has stopped commanding, by fault; infinite if never."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        found = {fault.value: _time(partial(_inject, fault)) for fault in _FAULTS}
        found["leader_wakes_up"] = _time(_wake_leader)
    finally:
        sys.setswitchinterval(before)
    return found


def _inject(fault: Fault, emulator: Emulator, leader: Leader) -> None:
    emulator.inject(fault)


def _wake_leader(emulator: Emulator, leader: Leader) -> None:
    leader.settings.role = frames.LEADER


def _time(begin: Callable[[Emulator, Leader], None]) -> float:
    leader = Leader(still(POSE))
    leader.settings.role = frames.FOLLOWER
    arm = Follower(physics=SimpleArm(POSE[:6], POSE[6], on_stand=True))
    emulator = Emulator(buses.open_bus("udp_multicast", _CHANNEL), [arm, leader])
    config = DriverConfig.from_hardware(hw_config.load(), "left", channel=_CHANNEL)
    driver = ArmDriver(
        config, partial(buses.open_bus, "udp_multicast"), _nothing, _nothing, _nothing
    )
    with emulator:
        try:
            driver.open()
            driver.enable()
            _command(driver, 0, _BEFORE_S)
            begun_s = time.monotonic()
            begin(emulator, leader)
            _command(driver, 1000, _PATIENCE_S)
            return float("inf") if driver.enabled else 1e3 * (time.monotonic() - begun_s)
        finally:
            driver.close()


def _command(driver: ArmDriver, sequence: int, seconds: float) -> None:
    end_s = time.monotonic() + seconds
    while driver.enabled and time.monotonic() < end_s:
        sequence += 1
        driver.command(POSE, sequence, 0.1)
        time.sleep(_PERIOD_S)


def _nothing(_: object) -> None:
    return None

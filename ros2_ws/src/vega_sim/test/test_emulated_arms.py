"""The twin's arms on a CAN bus, led by the driver of the real arms."""

import contextlib
import time

import numpy as np
import pytest
from vega_arms import buses
from vega_arms.config import DriverConfig
from vega_arms.driver import ArmDriver
from vega_arms.enabling import NotEnabled
from vega_sim.emulated_arms import EmulatedArms
from vega_sim.realtime_twin import RealtimeTwin
from vega_sim.twin import Twin

import hw_config

from .conftest import WAIT_S, RealtimeListener, moving, until

HARDWARE = hw_config.load()
HOME = HARDWARE.arms["left"].home


class FollowerCell(RealtimeListener):
    """The emulated arms, and the driver of the left one."""

    def __init__(self):
        self.hardware = EmulatedArms(HARDWARE)
        twin = Twin("close_laptop", "easy", HARDWARE)
        self.realtime = RealtimeTwin(twin, self.hardware.arms, self)
        self.states, self.reports = [], []
        self.driver = ArmDriver(
            DriverConfig.from_hardware(HARDWARE, "left"),
            lambda channel: buses.open_bus("udp_multicast", channel),
            self.states.append,
            lambda state: None,
            self.reports.append,
        )
        self.hardware.wait()
        self.driver.open()

    def enabled(self):
        """Whether the arm is enabled: a driver that has found its bus silent is asked again."""
        with contextlib.suppress(NotEnabled):
            self.driver.enable()
        return self.driver.enabled

    def lead(self, positions):
        """Commands the arm until it is there."""
        sequence = 0
        end_s = time.monotonic() + WAIT_S
        while np.abs(np.array(self.states[-1].q) - positions).max() > 0.02:
            sequence += 1
            if self.enabled():
                self.driver.command(positions, sequence, 0.1)
            assert time.monotonic() < end_s, self.reports[-1].text
            time.sleep(0.005)

    def close(self):
        self.driver.close()
        self.hardware.close()
        self.realtime.twin.close()


@pytest.fixture(scope="module")
def cell():
    cell = FollowerCell()
    yield cell
    cell.close()


def test_the_driver_hears_where_the_twin_s_arm_is_and_leads_it(cell):
    with moving(cell.realtime):
        until(lambda: len(cell.states) > 10)
        np.testing.assert_allclose(cell.states[-1].q, HOME, atol=0.02)
        until(cell.enabled)
        np.testing.assert_allclose(cell.states[-1].q, HOME, atol=0.02)
        wanted = np.add(HOME, [0.2, 0.1, -0.1, 0.0, 0.0, 0.3, -0.02])
        cell.lead(wanted)
        np.testing.assert_allclose(cell.realtime.twin.positions()[:7], wanted, atol=0.03)


def test_a_fault_of_one_arm_stops_its_driver_and_its_end_does_not_start_it(cell):
    with moving(cell.realtime):
        cell.hardware.inject("silence", "left")
        until(lambda: not cell.reports[-1].enabled and "silent" in cell.reports[-1].text)
        before = cell.realtime.twin.positions()
        count = len(cell.states)
        cell.hardware.inject("none", "")
        until(lambda: len(cell.states) > count + 20)
        assert not cell.driver.enabled
        np.testing.assert_allclose(cell.realtime.twin.positions(), before, atol=0.01)


@pytest.mark.parametrize(
    ("kind", "target", "says"),
    [
        ("flood", "left", "unknown fault 'flood'; known: silence, bus_off"),
        ("silence", "head", "silence needs one of left, right, got 'head'"),
    ],
)
def test_a_fault_that_does_not_exist_is_refused(cell, kind, target, says):
    with pytest.raises(ValueError, match=says):
        cell.hardware.inject(kind, target)

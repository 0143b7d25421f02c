"""Emulated leaders, heard by the drivers of the real arms: on a shared bus, or on their own."""

import contextlib

import numpy as np
import pytest
from vega_arms import buses
from vega_arms.config import LEADER, DriverConfig
from vega_arms.driver import ArmDriver
from vega_arms.enabling import NotEnabled
from vega_sim.emulated_arms import EmulatedArms
from vega_sim.leaders import KEYBOARD, Leaders
from vega_sim.realtime_twin import STATE_HZ, NotAtHome, RealtimeTwin
from vega_sim.twin import Twin

import hw_config

from .conftest import RealtimeListener, moving, until


class LeaderCell(RealtimeListener):
    """The emulated arms and leaders, moved by keys, and the drivers of the left ones."""

    def __init__(self, hardware):
        self.home = np.array(hardware.arms["left"].home)
        self.hardware = EmulatedArms(hardware, with_leaders=True)
        twin = Twin("close_laptop", "easy", hardware)
        self.leaders = Leaders(twin, KEYBOARD, STATE_HZ)
        self.leader_moved = self.hardware.lead
        self.realtime = RealtimeTwin(twin, self.hardware.arms, self, leaders=self.leaders)
        self.arm_states, self.leader_states = [], []
        roles = ["follower", LEADER] if hardware.arms["left"].leader_can else ["follower"]
        self.drivers = {
            role: ArmDriver(
                DriverConfig.from_hardware(hardware, "left", role=role),
                lambda channel: buses.open_bus("udp_multicast", channel),
                self.arm_states.append,
                self.leader_states.append,
                lambda report: None,
            )
            for role in roles
        }
        self.hardware.wait()
        for driver in self.drivers.values():
            driver.open()
        self._physics = contextlib.ExitStack()
        self._physics.enter_context(moving(self.realtime))

    def push(self):
        """A key that moves the left leader to its left."""
        self.leaders.jog("left", (0.0, 0.15, 0.0), (0.0, 0.0, 0.0), 0.0)

    @property
    def arm(self):
        return np.array(self.arm_states[-1].q)

    @property
    def leader(self):
        return np.array(self.leader_states[-1].q)

    @contextlib.contextmanager
    def standing_still(self):
        """The physics' thread is the only one that may touch the twin."""
        self._physics.close()
        try:
            yield
        finally:
            self._physics.enter_context(moving(self.realtime))

    def close(self):
        self._physics.close()
        for driver in self.drivers.values():
            driver.close()
        self.hardware.close()
        self.realtime.twin.close()


@pytest.fixture(scope="module")
def shared():
    cell = LeaderCell(hw_config.load())
    yield cell
    cell.close()


@pytest.fixture(scope="module")
def separate(bus_per_arm):
    cell = LeaderCell(bus_per_arm)
    yield cell
    cell.close()


def go_home(cell):
    with cell.standing_still():
        cell.leaders.act(False)
    until(lambda: np.abs(cell.arm - cell.home).max() < 0.03)


def test_the_driver_hears_both_arms_of_a_shared_bus_and_refuses_to_command_the_follower(shared):
    until(lambda: len(shared.arm_states) > 10 and len(shared.leader_states) > 10)
    np.testing.assert_allclose(shared.leader, shared.home, atol=1e-4)
    np.testing.assert_allclose(shared.arm, shared.home, atol=0.02)

    def refused_for_its_leader():
        # On a busy computer the bus may seem silent, which is told first.
        with pytest.raises(NotEnabled) as refusal:
            shared.drivers["follower"].enable()
        return "a leader arm, or another program, commands this arm" in str(refusal.value)

    until(refused_for_its_leader)


def test_the_follower_of_a_shared_bus_obeys_its_leader_by_itself(shared):
    until(lambda: len(shared.arm_states) > 10 and shared.leader_states)
    until(lambda: shared.arm[0] > shared.home[0] + 0.2, shared.push)
    until(lambda: np.abs(shared.leader - shared.arm).max() < 0.02)
    assert shared.leader[0] > shared.home[0] + 0.2


def test_objects_are_laid_once_the_leaders_have_led_the_arms_home(shared):
    until(lambda: shared.realtime.twin.positions()[0] > shared.home[0] + 0.3, shared.push)
    with (
        shared.standing_still(),
        pytest.raises(NotAtHome, match=r"left_joint\d .*service operator/act with data: false"),
    ):
        shared.realtime.reset(1)
    go_home(shared)
    before = shared.leader
    with shared.standing_still():
        shared.realtime.reset(2)
    until(lambda: len(shared.leader_states) > 10)
    np.testing.assert_allclose(shared.leader, before, atol=0.05)


def test_a_leader_with_a_bus_of_its_own_is_heard_there_and_moves_no_arm(separate):
    until(lambda: separate.arm_states and separate.leader_states)
    driver = separate.drivers["follower"]

    def enabled():
        # On a busy computer the bus may seem silent, and a driver does not go on by itself.
        with contextlib.suppress(NotEnabled):
            driver.enable()
        return driver.enabled

    until(enabled)
    until(lambda: separate.leader[0] > separate.home[0] + 0.2, separate.push)
    np.testing.assert_allclose(separate.arm, separate.home, atol=0.02)
    # Whoever forwards what the one driver hears to the other leads the arm.
    numbers = iter(range(100_000))

    def forward():
        if enabled():
            driver.command(separate.leader, next(numbers), 0.1)

    until(lambda: np.abs(separate.leader - separate.arm).max() < 0.02, forward)
    with separate.standing_still():
        separate.leaders.act(False)
    until(lambda: np.abs(separate.arm - separate.home).max() < 0.02, forward)


def test_a_leader_s_own_bus_falls_silent_by_itself(separate):
    until(lambda: separate.arm_states and separate.leader_states)
    with pytest.raises(ValueError, match="needs one of left, right, left leader, right leader"):
        separate.hardware.inject("silence", "head")
    separate.hardware.inject("silence", "left leader")
    leader, follower = separate.drivers[LEADER], separate.drivers["follower"]
    until(lambda: "silent" in leader.problem and not follower.problem)
    separate.hardware.inject("none", "")
    until(lambda: not leader.problem)

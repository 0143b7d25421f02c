"""The driver against an emulated arm: what it measures, how it enables, how it commands."""

from __future__ import annotations

import itertools
import math
import time

import pytest
from vega_arms import frames, limits, protocol
from vega_arms.config import DriverConfig
from vega_arms.emulator import POSE, Settings
from vega_arms.emulator.faults import Fault
from vega_arms.emulator.leader import still, sweep
from vega_arms.enabling import NotEnabled
from vega_arms.frames import MotorLimits
from vega_arms.protocol import parse_firmware

import hw_config


def test_it_measures_in_si_units_and_says_nothing_before_it_has_heard(make_rig):
    rig = make_rig()
    rig.driver.open()
    rig.until_said("silent")
    assert rig.states == []
    rig.arm.physics.measured.gripper_effort = 0.4
    rig.emulator.start()
    rig.until(lambda: len(rig.states) > 20)
    state = rig.states[0]
    assert state.q == pytest.approx(POSE, abs=2e-5)
    assert state.effort[6] == pytest.approx(0.4)
    assert abs(time.time() - rig.states[-1].stamp_s) < 5.0
    assert [s.stamp_s for s in rig.states] == sorted(s.stamp_s for s in rig.states)


def test_a_start_is_no_alarm(make_rig):
    rig = make_rig()
    rig.driver.open()
    rig.until_said("waiting for feedback")
    rig.emulator.start()
    rig.until_said("not enabled yet")
    rig.driver.enable()
    rig.until(lambda: rig.driver.enabled)
    rig.driver.release("nobody needs it")
    texts = [report.text for report in rig.reports]
    assert len(texts) == len(set(texts)), "each once"
    assert not any(report.wrong for report in rig.reports)


def test_an_arm_that_is_not_heard_when_it_should_be_is_an_alarm(make_rig):
    rig = make_rig().start(enable=False)
    rig.until_said("not enabled yet")
    rig.emulator.inject(Fault.SILENCE)
    rig.until_said("is silent")
    assert rig.reports[-1].wrong
    with pytest.raises(NotEnabled, match="is silent"):
        rig.driver.enable()
    rig.emulator.inject(None)
    rig.until_said("not enabled (")
    assert rig.reports[-1].wrong, "what was asked for did not come about"


def test_enabling_moves_nothing_and_leaves_the_gripper_where_it_is(make_rig):
    rig = make_rig().start()
    assert rig.arm.can_move
    assert rig.arm.gripper_enabled
    assert rig.q == pytest.approx(POSE[:6], abs=1e-4)
    assert rig.arm.physics.measured.gripper == pytest.approx(POSE[6], abs=1e-4)
    assert rig.driver.enabled
    assert rig.reports[-1].enabled


def test_the_gripper_is_told_its_stroke(make_rig):
    rig = make_rig(Settings(gripper=frames.GripperSetup(100, 0, 1)), gripper_stroke_m=0.1).start()
    assert rig.arm.settings.gripper.stroke_mm == 100
    assert rig.arm.gripper_enabled


def test_the_arm_is_told_how_it_is_mounted(make_rig):
    assert make_rig().start().arm.mount == 1
    rig = make_rig(mount="left").start()
    assert rig.arm.mount == 2
    assert rig.arm.can_move


def test_it_follows_commands_and_reports_speed(rig):
    rig.lead((0, 0.3), (6, 0.01), until=lambda: abs(rig.q[0] - 0.3) < 1e-3)
    rig.lead((0, 0.3), (6, 0.01), until=lambda: abs(rig.states[-1].q[6] - 0.01) < 1e-3)
    assert max(state.dq[0] for state in rig.states) > 0.5
    assert min(state.dq[6] for state in rig.states) < -0.05


class Heard(list):
    """An arm's targets, and all that the first joint was ever told."""

    def __init__(self, targets):
        super().__init__(targets)
        self.of_first = [targets[0]]

    def __setitem__(self, joint, target):
        super().__setitem__(joint, target)
        if joint == 0:
            self.of_first.append(target)


def test_a_far_target_is_approached_no_faster_than_the_limit(rig):
    rig.arm._targets = heard = Heard(rig.arm._targets)
    rig.lead((0, 1.0), until=lambda: rig.q[0] > 0.99)
    assert len(heard.of_first) > 10
    # 2 rad/s, a quarter more for jitter, at most 20 ms at a time.
    assert max(b - a for a, b in itertools.pairwise(heard.of_first)) < 0.2
    assert rig.driver.counters["limited"] > 10


def test_a_command_beyond_the_limits_ends_at_the_limit(rig):
    rig.lead((4, 2.0), until=lambda: abs(rig.q[4] - 1.22) < 1e-3)
    assert rig.arm.over_limit == 0


@pytest.mark.parametrize(
    ("positions", "sequence", "validity_s", "reason"),
    [
        ([math.nan, *POSE[1:]], 5, 0.1, "non_finite"),
        (POSE[:6], 5, 0.1, "wrong_shape"),
        (POSE, 5, -0.01, "stale"),
        (POSE, 3, 0.1, "out_of_order"),
    ],
)
def test_what_is_no_command_is_refused_and_counted(rig, positions, sequence, validity_s, reason):
    assert rig.driver.command(POSE, 4, 0.1) is None
    assert rig.driver.command(positions, sequence, validity_s) == reason
    assert rig.driver.counters[f"refused_{reason}"] == 1


def test_before_it_is_enabled_and_after_it_is_released_nothing_is_commanded(make_rig):
    rig = make_rig().start(enable=False)
    rig.until(lambda: rig.states)
    assert rig.send() == "not_enabled"
    rig.driver.enable()
    assert rig.send() is None
    rig.driver.release()
    assert rig.send() == "not_enabled"
    assert all(rig.arm.enabled), "it holds"


def test_silence_holds_the_last_target(rig):
    rig.lead((0, 0.2), until=lambda: rig.q[0] > 0.1)
    rig.until(lambda: rig.states[-1].dq[0] == 0.0)
    at = rig.q[0]
    count = len(rig.states)
    rig.until(lambda: len(rig.states) > count + 60)
    assert rig.q[0] == at
    assert rig.driver.enabled


def test_a_leader_on_the_bus_is_measured_and_keeps_the_computer_out(make_rig):
    rig = make_rig(leader=sweep(POSE)).start(enable=False)
    rig.until(lambda: len(rig.leader_states) > 20 and len(rig.states) > 20)
    assert rig.leader_states[-1].q[0] > 0.0
    with pytest.raises(NotEnabled, match="unplug the leader"):
        rig.driver.enable()
    assert rig.send() == "not_enabled"
    # The follower follows it all the same.
    rig.until(lambda: rig.q[0] > 0.05)
    rig.leader.settings.role = frames.FOLLOWER
    rig.until(lambda: rig.driver.problem == "")
    rig.driver.enable()
    assert rig.arm.high_follow, "back to steady leads a reset alone, with which the arm would fall"
    rig.lead((0, 0.3), until=lambda: abs(rig.q[0] - 0.3) < 1e-3)


def test_a_leader_that_wakes_up_stops_the_computer(make_rig):
    rig = make_rig(leader=still(POSE))
    rig.leader.settings.role = frames.FOLLOWER
    rig.start()
    rig.lead((0, 0.1), until=lambda: rig.q[0] > 0.05)
    rig.leader.settings.role = frames.LEADER
    rig.lead((0, 0.1), until=lambda: not rig.driver.enabled)
    assert "commands this arm" in rig.reports[-1].text


def test_a_bus_of_a_leader_alone(make_rig):
    rig = make_rig(leader=sweep(POSE), role="leader")
    rig.emulator.devices.remove(rig.arm)
    rig.start(enable=False)
    rig.until(lambda: len(rig.leader_states) > 20)
    rig.until_said("listening")
    assert rig.driver.problem == ""
    assert rig.states == []
    with pytest.raises(NotEnabled, match="role leader"):
        rig.driver.enable()
    assert rig.driver.port.bus.sent == 0


def test_a_leader_on_a_bus_of_its_own_leaves_the_follower_to_the_computer(make_rig):
    leader = make_rig(leader=sweep(POSE), role="leader")
    leader.emulator.devices.remove(leader.arm)
    leader.start(enable=False)
    follower = make_rig().start()
    follower.lead((0, 0.2), until=lambda: abs(follower.q[0] - 0.2) < 1e-3)
    leader.until(lambda: len(leader.leader_states) > 20)
    assert follower.driver.enabled
    assert follower.leader_states == leader.states == []


@pytest.fixture
def bus_per_arm():
    """The cell, with a bus for each leader and the right arm on its side."""
    cell = hw_config.load()
    arms = {
        name: arm.model_copy(update={"leader_can": f"lead_{name}"})
        for name, arm in cell.arms.items()
    }
    arms["right"] = arms["right"].model_copy(update={"mount": "right"})
    return cell.model_copy(update={"topology": "bus_per_arm", "arms": arms})


def test_channel_and_mount_come_from_hw_config(bus_per_arm):
    follower = DriverConfig.from_hardware(bus_per_arm, "right")
    leader = DriverConfig.from_hardware(bus_per_arm, "right", role="leader")
    assert (follower.channel, follower.mount) == ("can_right", "right")
    assert leader.channel == "lead_right"
    assert DriverConfig.from_hardware(hw_config.load(), "left").mount == "flat"
    with pytest.raises(hw_config.ConfigError, match=r"left leader has no bus of its own.*can_left"):
        DriverConfig.from_hardware(hw_config.load(), "left", role="leader")


def test_stop_reset_and_enable_again(rig):
    rig.driver.stop()
    rig.until(lambda: rig.arm.stopped)
    rig.until_said(": emergency stop")
    assert rig.send() == "not_enabled"
    with pytest.raises(NotEnabled, match="reset"):
        rig.driver.enable()
    rig.driver.reset()
    rig.until(lambda: not rig.arm.stopped and rig.driver.problem == "")
    rig.driver.enable()
    assert rig.arm.can_move


def test_a_stop_gets_through_while_the_arm_is_being_enabled(make_rig):
    rig = make_rig().start(enable=False)
    rig.until(lambda: rig.driver.decoder.complete)
    rig.arm._enables_ignored = [10_000] * 6
    future = rig.driver._submit(rig.driver._enable)
    rig.until(lambda: rig.arm.ctrl_mode == protocol.CAN_MODE)
    rig.driver.stop()
    with pytest.raises(NotEnabled):
        future.result(5.0)
    assert not rig.driver.enabled
    rig.until(lambda: rig.arm.stopped)


def test_teach_mode_is_named(make_rig):
    rig = make_rig().start(enable=False)
    rig.arm.ctrl_mode = protocol.TEACH_MODE
    rig.until_said("teach mode")
    with pytest.raises(NotEnabled, match="press the teach button"):
        rig.driver.enable()


def test_after_a_burst_of_communication_errors_the_arm_goes_on(rig):
    rig.arm._comm_error_at = rig.arm.ticks + 10
    rig.lead((0, 0.2), until=lambda: rig.arm._comm_error_at is None and rig.q[0] > 0.19)
    assert rig.driver.enabled


def test_an_arm_that_stands_outside_its_limits_is_not_enabled(make_rig):
    rig = make_rig().start(enable=False)
    rig.arm.physics.measured.q[4] = rig.arm.physics.falls_to[4] = 1.5
    rig.until(lambda: rig.states and rig.states[-1].q[4] > 1.4)
    with pytest.raises(NotEnabled, match="joint 5 stands at 8"):
        rig.driver.enable()


def test_a_new_driver_takes_over_where_a_dead_one_left_the_arm(make_rig):
    rig = make_rig().start()
    rig.lead((0, 0.2), until=lambda: rig.q[0] > 0.199)
    rig.driver.close()
    before = list(rig.q)
    rig.driver = rig.make_driver()
    rig.driver.open()
    rig.driver.enable()
    assert rig.q == pytest.approx(before, abs=2e-3)
    assert all(rig.arm.enabled)


def test_two_drivers_on_one_bus_keep_each_other_out(rig):
    second = rig.make_driver()
    second.open()
    try:
        rig.lead(until=lambda: second.problem != "" and "another program" in second.problem)
        with pytest.raises(NotEnabled, match="another program"):
            second.enable()
        assert rig.driver.enabled
    finally:
        second.close()


def test_limits_of_both_sides_are_reconciled():
    lower, upper = [-1.0, 0.0, -1.0, -1.0, -1.0, -1.0, 0.0], [1.0, 2.0, 0.0, 1.0, 1.0, 1.0, 0.07]
    told = {i: MotorLimits(i, 1800, -1800, 3000) for i in range(1, 7)}
    agreed = limits.reconcile(lower, upper, told)
    assert (agreed.lower, agreed.upper) == (tuple(lower), tuple(upper))
    assert agreed.notes == ()
    told[1] = MotorLimits(1, 300, -1800, 3000)
    tighter = limits.reconcile(lower, upper, told)
    assert tighter.upper[0] == pytest.approx(math.radians(30))
    assert "joint 1: the arm allows -180 .. 30 deg" in tighter.notes[0]
    assert not tighter.refusal
    told[2] = MotorLimits(2, -100, 100, 3000)
    assert "joint 2" in limits.reconcile(lower, upper, told).refusal
    del told[3]
    assert any("did not tell" in note for note in limits.reconcile(lower, upper, told).notes)


def test_firmware_versions():
    assert parse_firmware("xxS-V1.8-8").number == (1, 8, 8)
    assert parse_firmware("S-V1.8-2").effort_factors[0] == 4.0
    assert parse_firmware("S-V1.8-3").effort_factors[0] == 1.0
    assert parse_firmware("H-V1.2-1") is None


def test_status_words():
    assert protocol.code_name(protocol.ARM_STATUS, 0x77) == "unknown code 0x77"
    assert (
        protocol.motor_state(protocol.ENABLED | 1 | 1 << 7) == "enabled, voltage too low, stalled"
    )
    assert protocol.gripper_state(protocol.ENABLED) == "enabled, not zeroed"
    assert protocol.joints_set(0b101) == "joint 1, joint 3"
    assert set(protocol.ARM_STATUS) == set(range(16))
    assert set(protocol.CTRL_MODES) == set(range(8))

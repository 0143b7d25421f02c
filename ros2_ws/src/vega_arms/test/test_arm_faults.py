"""Faults of arm and bus, each with what the driver makes of it.

Whatever happens, the driver says so in words, takes no commands any more, and after the recovery
the arm is moved only once somebody has enabled it again.
"""

from __future__ import annotations

from functools import partial

import pytest
from vega_arms import frames, protocol
from vega_arms.emulator import POSE, Settings
from vega_arms.emulator.faults import Fault
from vega_arms.emulator.leader import still
from vega_arms.enabling import NotEnabled

FRAMES_A_SECOND = 3040


def stops(rig, words, begin):
    """The fault begins; the driver stops and says why. How soon is measured by the bench."""
    rig.lead(until=lambda: len(rig.states) > 20)
    begin()
    rig.lead(until=lambda: not rig.driver.enabled)
    rig.until_said(words)
    assert rig.send() == "not_enabled"


def comes_back(rig):
    """All is well again: the arm is measured, does not move, and can be enabled."""
    count = len(rig.states)
    rig.until(lambda: len(rig.states) > count + 20 and rig.driver.problem == "")
    assert not rig.driver.enabled
    before = list(rig.q)
    assert rig.send((0, 0.5)) == "not_enabled"
    count = len(rig.states)
    rig.until(lambda: len(rig.states) > count + 20)
    assert rig.q == before, "a recovery never moves an arm"
    rig.driver.enable()
    rig.lead((0, 0.1), until=lambda: abs(rig.q[0] - 0.1) < 1e-3)


def test_a_silent_arm(rig):
    stops(rig, "is silent", lambda: rig.emulator.inject(Fault.SILENCE))
    count = len(rig.states)
    rig.emulator.inject(None)
    rig.until(lambda: len(rig.states) > count)
    comes_back(rig)


def test_an_adapter_that_is_pulled_out_and_put_in_again(rig):
    def pull():
        rig.adapter.gone = True

    for _ in range(2):
        rig.reports.clear()
        stops(rig, "the CAN adapter is gone", pull)
        rig.until_said("there is no such CAN interface")
        rig.adapter.gone = False
        comes_back(rig)


def test_bus_off(rig):
    stops(rig, "is bus-off", lambda: rig.emulator.inject(Fault.BUS_OFF))
    assert "restart-ms 100" in rig.texts()
    rig.emulator.inject(None)
    comes_back(rig)


def test_frames_that_cannot_be_sent(rig):
    def refuse():
        rig.adapter.refuses_sends = True

    stops(rig, "frames cannot be sent (No buffer space available)", refuse)
    rig.adapter.refuses_sends = False
    rig.driver.port.ask_settings()
    comes_back(rig)


def test_a_problem_that_is_over_gives_way_to_the_next_step(rig):
    stops(rig, "is silent", lambda: rig.emulator.inject(Fault.SILENCE))
    rig.emulator.inject(None)
    rig.until_said("is back: call left/follower/enable")
    assert "silent" not in rig.reports[-1].text
    rig.driver.enable()
    rig.arm.ctrl_mode = protocol.TEACH_MODE
    rig.until_said("press the teach button to leave it")
    rig.arm.ctrl_mode = 0
    rig.until_said("teach mode was left: call left/follower/enable")
    assert rig.reports[-1].wrong
    # Also where enabling was refused because of it.
    rig.emulator.inject(Fault.SILENCE)
    rig.until_said("is silent")
    with pytest.raises(NotEnabled, match="is silent"):
        rig.driver.enable()
    rig.reports.clear()
    rig.emulator.inject(None)
    rig.until_said("is back: call left/follower/enable")
    rig.driver.enable()


FAULTS_OF_ANY_MOTOR = [
    (0, "voltage too low; check the power supply"),
    (1, "motor too hot; let it cool"),
    (2, "overcurrent; free it"),
    (3, "driver too hot; let it cool"),
    (5, "driver error; switch the arm off and on"),
]


@pytest.mark.parametrize(
    ("bit", "words"),
    [*FAULTS_OF_ANY_MOTOR, (7, "stalled; free it")],
)
def test_a_motor_s_fault_names_its_remedy(rig, bit, words):
    def begin():
        rig.arm.motor_faults[2] = 1 << bit

    stops(rig, f"joint 3: {words}", begin)
    assert "then hold the arm, reset it (it loses power and drops), and enable it" in rig.texts()


@pytest.mark.parametrize("code", sorted(protocol.STOPPING))
def test_every_state_that_stops_an_arm_names_its_remedy(code):
    assert ":" in protocol.ARM_STATUS[code]


@pytest.mark.parametrize(
    ("bit", "words"),
    [*FAULTS_OF_ANY_MOTOR, (4, "sensor error; check the cable")],
)
def test_a_gripper_s_fault_is_told_with_its_remedy_and_enabling_clears_it(rig, bit, words):
    def begin():
        rig.arm.gripper_faults = 1 << bit

    stops(rig, f"gripper: {words}", begin)
    assert rig.reports[-1].wrong
    assert "then enable the arm, which clears the error" in rig.texts()
    rig.driver.enable()
    assert rig.arm.gripper_faults == 0
    rig.lead((0, 0.1), (6, 0.02), until=lambda: abs(rig.q[0] - 0.1) < 1e-3)


def test_an_overcurrent_of_the_gripper_by_name(rig):
    begin = partial(rig.emulator.inject, Fault.GRIPPER_OVERCURRENT)
    stops(rig, "gripper: overcurrent", begin)
    rig.driver.enable()


def test_a_fault_is_told_also_while_a_leader_leads_the_arm(make_rig):
    rig = make_rig(leader=still(POSE)).start(enable=False)
    rig.until_said("a leader arm, or another program, commands this arm")
    rig.emulator.inject(Fault.GRIPPER_HOT)
    rig.until_said("gripper: motor too hot; let it cool")
    rig.emulator.inject(None)
    rig.until(lambda: "a leader arm" in rig.reports[-1].text)
    rig.arm.motor_faults[3] = 1 << 1
    rig.until_said("joint 4: motor too hot; let it cool")


def test_a_gripper_that_stays_hot_is_not_enabled_and_told_when_it_is_well(rig):
    stops(rig, "gripper: motor too hot", lambda: rig.emulator.inject(Fault.GRIPPER_HOT))
    with pytest.raises(NotEnabled, match=r"gripper cannot be enabled: .*too hot; let it cool"):
        rig.driver.enable()
    rig.emulator.inject(None)
    rig.until_said("is well again: call left/follower/enable")
    comes_back(rig)


def test_a_gripper_that_is_off(rig):
    stops(rig, "the gripper is off", lambda: rig.emulator.inject(Fault.GRIPPER_OFF))
    with pytest.raises(NotEnabled, match="gripper cannot be enabled: disabled; check its cable"):
        rig.driver.enable()
    rig.emulator.inject(None)
    comes_back(rig)


def test_a_gripper_that_does_not_obey(rig):
    rig.lead((6, 0.03), until=lambda: abs(rig.states[-1].q[6] - 0.03) < 1e-3)
    rig.emulator.inject(Fault.GRIPPER_STUCK)
    rig.lead((6, 0.0), until=lambda: not rig.driver.enabled)
    rig.until_said("the gripper does not obey: told 0 mm, it stands at 3")
    rig.emulator.inject(None)
    comes_back(rig)


def test_a_gripper_that_holds_something_is_no_fault(rig):
    rig.arm.physics.held = 0.03
    rig.lead((6, 0.0), until=lambda: rig.states[-1].effort[6] < -0.5)
    count = len(rig.states)
    rig.lead((6, 0.0), until=lambda: len(rig.states) > count + 300)
    assert rig.driver.enabled


def test_a_gripper_that_was_never_zeroed_is_told_on_enabling(make_rig):
    rig = make_rig()
    rig.emulator.inject(Fault.GRIPPER_NOT_ZEROED)
    rig.start()
    assert rig.driver.enabled
    assert "the gripper was never zeroed" in rig.reports[-1].text
    assert "zero it with the vendor's tool" in rig.reports[-1].notes[-1]


@pytest.mark.parametrize(("arm_mm", "ours_m", "ours"), [(100, 0.07, "70"), (70, 0.1, "100")])
def test_a_gripper_of_another_range_is_refused_and_not_overwritten(make_rig, arm_mm, ours_m, ours):
    settings = Settings(gripper=frames.GripperSetup(100, arm_mm, 1))
    rig = make_rig(settings, gripper_stroke_m=ours_m).start(enable=False)
    with pytest.raises(NotEnabled, match=rf"opens {arm_mm} mm, hw_config {ours};.*gripper_stroke"):
        rig.driver.enable()
    assert rig.arm.settings.gripper.stroke_mm == arm_mm
    assert not any(rig.arm.enabled)


@pytest.mark.parametrize("fault", [Fault.STUCK, Fault.LOOSE])
def test_an_arm_that_does_not_follow_is_held_with_what_is_known(rig, fault):
    rig.lead((1, 1.2), until=lambda: rig.q[1] > 1.19)
    rig.emulator.inject(fault)
    rig.lead((1, 0.6), until=lambda: not rig.driver.enabled)
    rig.until_said("does not follow: told")
    for known in ("motor enabled", "commanded over CAN, MOVE J", "N m"):
        assert known in rig.texts()
    rig.emulator.inject(None)
    comes_back(rig)


def test_an_arm_that_is_freed_does_not_spring_to_its_last_target(rig):
    rig.lead((0, 0.1), until=lambda: rig.q[0] > 0.099)
    rig.arm.physics.step = lambda dt, drive: None  # something holds it
    rig.lead((0, 0.8), until=lambda: not rig.driver.enabled)
    rig.until(lambda: abs(rig.arm._targets[0] - 0.1) < 1e-3)
    del rig.arm.physics.step
    count = len(rig.states)
    rig.until(lambda: len(rig.states) > count + 50)
    assert rig.q[0] == pytest.approx(0.1, abs=2e-3)


def test_an_arm_that_is_stuck_in_mit_mode(rig):
    stops(rig, "the arm is in MIT where MOVE J", lambda: rig.emulator.inject(Fault.MIT_MODE))
    with pytest.raises(NotEnabled, match=r"in MIT where MOVE J was asked for.*reset it"):
        rig.driver.enable()
    rig.emulator.inject(None)
    comes_back(rig)


def test_an_arm_that_was_in_mit_mode_is_moved_as_asked(make_rig):
    rig = make_rig()
    rig.arm.ctrl_mode, rig.arm.move = protocol.CAN_MODE, 4
    rig.start()
    assert rig.arm.move == 1


def test_enabling_waits_until_a_reset_arm_has_lost_its_power(rig):
    rig.driver.reset()
    rig.driver.enable()
    assert rig.arm._reset_left == 0
    rig.lead((0, 0.1), until=lambda: abs(rig.q[0] - 0.1) < 1e-3)


def test_an_arm_that_keeps_its_power_after_a_reset_is_not_enabled(rig):
    rig.arm._handlers[frames.MOTION] = lambda frame: None
    rig.driver.reset()
    with pytest.raises(NotEnabled, match="still report power 2 s after the reset"):
        rig.driver.enable()


def test_an_arm_in_leader_role(rig):
    stops(rig, "", lambda: rig.emulator.inject(Fault.LEADER_ROLE))
    rig.until_said("the arm is in leader role")
    with pytest.raises(NotEnabled, match="follower role"):
        rig.driver.enable()


def test_an_arm_disabled_mid_motion(rig):
    rig.lead((0, 1.0), until=lambda: rig.q[0] > 0.1)
    stops(rig, "motors 1, 2, 3, 4, 5, 6 are disabled", lambda: rig.emulator.inject(Fault.DISABLED))
    rig.until(lambda: rig.driver.problem == "")
    comes_back(rig)


def test_a_collision(rig):
    stops(rig, "collision protection tripped", lambda: rig.emulator.inject(Fault.COLLISION))
    with pytest.raises(NotEnabled, match="hold the arm, then reset it"):
        rig.driver.enable()
    rig.driver.reset()
    rig.until(lambda: rig.driver.problem == "")
    rig.driver.enable()


def test_limits_that_do_not_agree(make_rig):
    rig = make_rig()
    rig.emulator.inject(Fault.LIMITS)
    rig.start()
    assert "joint 2: the arm allows 0 .. 90 deg" in rig.reports[-1].text
    rig.lead((1, 2.0), until=lambda: abs(rig.q[1] - 1.5708) < 1e-3)
    assert rig.arm.over_limit == 0


def test_limits_that_cannot_be(make_rig):
    settings = Settings()
    settings.limits[1] = frames.MotorLimits(2, -300, 300, 0)
    rig = make_rig(settings).start(enable=False)
    with pytest.raises(NotEnabled, match=r"joint 2: the arm says 30 \.\. -30 deg, which cannot be"):
        rig.driver.enable()


def test_garbage_and_truncated_frames_change_no_measurement(rig):
    for fault, reason in ((Fault.GARBAGE, "truncated"), (Fault.TRUNCATED, "truncated")):
        rig.emulator.inject(fault, duration_s=0.4)
        dropped = rig.driver.decoder.dropped[reason]
        rig.until(lambda d=dropped, r=reason: rig.driver.decoder.dropped[r] > d + 100)
    rig.emulator.inject(None)
    count = len(rig.states)
    rig.until(lambda: len(rig.states) > count + 20)
    for state in rig.states:
        assert state.q == pytest.approx(POSE, abs=0.05)


def test_codes_that_no_table_knows(rig):
    rig.emulator.inject(Fault.UNKNOWN_CODES)
    rig.lead(until=lambda: not rig.driver.enabled)
    values = rig.driver.snapshot().values
    assert values["arm_status"] == "unknown code 0x77"
    rig.until_said("the arm left CAN mode (unknown code 0x77)")
    rig.emulator.inject(None)
    comes_back(rig)


def test_feedback_that_comes_but_is_frozen(rig):
    rig.emulator.inject(Fault.FROZEN)
    rig.until(lambda: not rig.driver.enabled)
    rig.until_said("has not changed")
    heard = rig.driver.decoder.frames
    # One state may have been on its way when the driver said so.
    rig.until(lambda: rig.driver.decoder.frames > heard + FRAMES_A_SECOND // 10)
    count = len(rig.states)
    heard = rig.driver.decoder.frames
    for second in range(1, 11):
        rig.until(lambda s=second: rig.driver.decoder.frames > heard + s * FRAMES_A_SECOND)
    assert len(rig.states) == count, "what is frozen is not published as a measurement"
    rig.emulator.inject(None)
    comes_back(rig)


def test_what_is_frozen_is_not_published_after_a_silence_either(rig):
    rig.emulator.inject(Fault.FROZEN)
    rig.until_said("has not changed")
    heard = rig.driver.decoder.frames
    rig.until(lambda: rig.driver.decoder.frames > heard + FRAMES_A_SECOND // 10)
    count = len(rig.states)
    for _ in range(3):
        rig.reports.clear()
        rig.adapter.deaf = True
        rig.until_said("is silent")
        rig.adapter.deaf = False
        rig.until_said("has not changed")
    assert len(rig.states) == count
    rig.emulator.inject(None)
    comes_back(rig)


def test_frozen_feedback_of_an_arm_that_moves_is_found_by_its_lag(rig):
    rig.lead((0, 2.0), until=lambda: rig.q[0] > 0.1)
    rig.emulator.inject(Fault.FROZEN)
    rig.lead((0, 2.0), until=lambda: not rig.driver.enabled)
    rig.until_said("comes but does not change")

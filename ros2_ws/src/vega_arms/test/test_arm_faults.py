"""Faults of arm and bus, each with what the driver makes of it.

Whatever happens, the driver says so in words, takes no commands any more, and after the recovery
the arm is moved only once somebody has enabled it again.
"""

from __future__ import annotations

import pytest
from vega_arms import frames
from vega_arms.emulator import POSE, Settings
from vega_arms.emulator.faults import Fault
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

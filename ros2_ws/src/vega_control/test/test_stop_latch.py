"""A stop that is known outside ROS for as long as it has not been left."""

import pytest
from vega_control.report import Mode
from vega_control.stop_latch import LEAVE_S, StopLatch, is_latched


@pytest.fixture
def latch(monkeypatch, request):
    monkeypatch.setenv("ROS_DOMAIN_ID", f"test-{request.node.name}")
    latch = StopLatch()
    latch.update(False, Mode.EXECUTING, 0.0)
    assert not is_latched()
    latch.update(True, Mode.ESTOP, 1.0)
    assert is_latched()
    return latch


@pytest.mark.parametrize("leads", [Mode.EXECUTING, Mode.LEADER, Mode.INACTIVE])
def test_it_is_left_when_somebody_leads_again_or_the_gate_is_taken_down(latch, leads):
    latch.update(True, Mode.ESTOP, 1000.0)
    latch.update(False, Mode.HOLD, 1000.1)
    assert is_latched()
    latch.update(False, leads, 1001.0)
    assert not is_latched()


def test_the_way_home_is_waited_for(latch):
    for time_s in (1.1, 60.0):
        latch.update(False, Mode.HOMING, time_s)
        assert is_latched()
    latch.update(False, Mode.HOLD, 61.0)
    assert not is_latched()


def test_after_a_reset_nobody_is_waited_for_for_ever(latch):
    latch.update(False, Mode.HOLD, 1.0 + 0.9 * LEAVE_S)
    assert is_latched()
    latch.update(False, Mode.HOLD, 1.0 + 1.1 * LEAVE_S)
    assert not is_latched()


def test_it_is_pressed_again_while_it_is_left(latch):
    latch.update(False, Mode.HOMING, 2.0)
    latch.update(True, Mode.ESTOP, 3.0)
    latch.update(False, Mode.HOLD, 3.1)
    assert is_latched()


def test_two_gates_of_a_domain_disturb_each_other_not(latch):
    other = StopLatch()
    other.update(True, Mode.ESTOP, 1.0)
    other.update(False, Mode.EXECUTING, 2.0)
    assert is_latched()

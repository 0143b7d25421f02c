"""When a joint is taken not to follow, and what is normal motion."""

from __future__ import annotations

import math

import pytest
from vega_arms.following import FollowingWatch
from vega_arms.measurement import ArmState

from hw_config.schema import Following

PERIOD_S = 0.005


class Led:
    """An arm that is led at 200 Hz; `moves` tells where a joint goes from where it is."""

    def __init__(self, joint=1):
        self.watch = FollowingWatch(Following())
        self.joint, self.now_s, self.at, self.effort = joint, 100.0, 0.0, 0.0
        self.found = None

    def run(self, seconds, told, moves=lambda at, told: at):
        """Goes on until a joint is found, or the time is over; returns after how long.

        Without `moves` it stays where it is.
        """
        begun_s = self.now_s
        while self.found is None and self.now_s - begun_s < seconds:
            self.now_s += PERIOD_S
            asked = told(self.now_s - begun_s)
            self.at = moves(self.at, asked)
            self.found = self.watch.observe(self._vector(asked), self._state(), self.now_s)
        return self.now_s - begun_s

    def _vector(self, value, others=0.0):
        return [value if i == self.joint else others for i in range(7)]

    def _state(self):
        still = (0.0,) * 7
        return ArmState(
            self.now_s, tuple(self._vector(self.at)), still, tuple(self._vector(self.effort))
        )


def lagging(time_constant_s):
    return lambda at, told: at + (told - at) * PERIOD_S / time_constant_s


def no_faster_than(speed):
    return lambda at, told: at + min(max(told - at, -speed * PERIOD_S), speed * PERIOD_S)


@pytest.mark.parametrize("moves", [lambda at, told: at, lambda at, told: at - 1.0 * PERIOD_S])
def test_a_joint_that_stays_or_falls_is_found_after_about_half_a_second(moves):
    led = Led()
    after_s = led.run(5.0, lambda t: min(2.0 * t, 0.6), moves)
    assert led.found == 1
    assert 0.4 < after_s < 0.8


def test_a_joint_that_is_moved_away_while_it_should_stand_is_found():
    led = Led()
    led.run(1.0, lambda t: 0.0)
    assert led.found is None
    led.at = 0.3
    assert led.run(5.0, lambda t: 0.0) < 0.8
    assert led.found == 1


@pytest.mark.parametrize("moves", [lagging(0.05), lagging(0.1), no_faster_than(1.0)])
def test_normal_motion_at_full_speed_is_no_alarm(moves):
    led = Led()
    # Back and forth at up to 2.5 rad/s; an arm at a fraction of its speed comes late but it comes.
    led.run(30.0, lambda t: 0.8 * math.sin(2.5 / 0.8 * t), moves)
    assert led.found is None


def test_one_that_is_slowly_led_to_is_found_once_it_is_far_away():
    led = Led()
    led.run(10.0, lambda t: 0.1 * t)
    assert led.found == 1
    assert led.now_s - 100.0 == pytest.approx(0.15 / 0.1 + 0.15 + 0.4, abs=0.2)


def test_who_begins_anew_from_where_the_arm_is_does_not_hide_it():
    led = Led()
    # As the gate does: at half a radian it goes back to where the arm is, until the next chunk.
    for _ in range(4):
        led.run(0.25, lambda t: 2.0 * t)
        led.run(0.6, lambda t: max(0.0, 0.5 - 2.5 * t))
    assert led.found == 1


def test_a_policy_that_sees_that_the_arm_stands_does_not_hide_it():
    # It asks for a tenth of a radian from where the arm is, and begins anew three times a second.
    led = Led()
    assert led.run(5.0, lambda t: 0.3 * (t % 0.33)) < 1.0
    assert led.found == 1
    assert led.watch.told(1) == pytest.approx((0.0, 0.1), abs=0.01)


def test_an_arm_that_presses_a_little_is_no_alarm():
    led = Led()
    led.run(30.0, lambda t: 0.03 * (1.0 - math.cos(t)))
    assert led.found is None


@pytest.mark.parametrize("press_rad", [0.08, 0.12, 0.14])
@pytest.mark.parametrize("speed", [0.05, 0.2, 0.5, 2.0])
def test_an_arm_that_presses_steadily_within_the_tolerance_is_no_alarm(press_rad, speed):
    led = Led()
    led.run(1.0, lambda t: 0.3 * t, lambda at, told: told)  # it comes to something rigid
    touch = led.at
    led.run(10.0, lambda t: touch + min(speed * t, press_rad))
    assert led.found is None


def test_one_that_is_pressed_and_then_sent_where_it_stands_is_no_alarm():
    led = Led()
    for _ in range(5):
        led.run(0.3, lambda t: 0.08)
        led.run(3.0, lambda t: 0.0)
    assert led.found is None


def test_a_gripper_that_holds_something_obeys_and_one_without_force_does_not():
    holding = Led(joint=6)
    holding.at, holding.effort = 0.04, -0.8
    holding.run(10.0, lambda t: 0.0)
    assert holding.found is None
    dead = Led(joint=6)
    dead.at, dead.effort = 0.04, 0.01
    assert dead.run(10.0, lambda t: 0.0) < 0.8
    assert dead.found == 6


def test_what_this_computer_slept_through_is_no_evidence():
    led = Led()
    led.run(0.2, lambda t: 1.0)
    led.now_s += 5.0
    led.run(0.1, lambda t: 1.0)
    assert led.found is None

"""The limiter: what is asked for, within position, velocity, acceleration and jerk limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vega_control.limits import Limiter
from vega_control.stop import MotionState, StopPlan

LOWER, UPPER = np.array([-1.0, 0.0]), np.array([1.0, 0.07])
V, A, J = np.array([2.0, 0.2]), np.array([10.0, 2.0]), np.array([200.0, 40.0])
H = 0.005


@pytest.fixture
def limiter():
    limiter = Limiter(LOWER, UPPER, V, A, J)
    limiter.start(np.array([0.5, 0.04]))
    return limiter


def follow(limiter, target, rate=(0.0, 0.0), steps=1):
    for _ in range(steps):
        limiter.accept(limiter.toward(np.array(target), np.array(rate), H))
    return limiter.state.position


def test_a_target_is_reached_and_kept(limiter):
    assert follow(limiter, [0.7, 0.05], steps=200) == pytest.approx([0.7, 0.05], abs=1e-4)
    assert not limiter.toward(np.array([0.7, 0.05]), np.zeros(2), H).limited


def test_a_path_within_the_limits_is_followed_without_a_lag(limiter):
    times = np.arange(1, 201) * H
    for t in times:
        # 0.2 rad at 0.5 Hz, from rest
        phase = np.pi * t
        follow(limiter, [0.5 + 0.1 * (1 - np.cos(phase)), 0.04], [0.1 * np.pi * np.sin(phase), 0.0])
    assert limiter.state.position[0] == pytest.approx(0.7, abs=0.002)


def test_a_target_out_of_range_is_clamped(limiter):
    assert limiter.toward(np.array([5.0, -1.0]), np.zeros(2), H).limited
    assert follow(limiter, [5.0, -1.0], steps=300) == pytest.approx([1.0, 0.0], abs=1e-4)


def test_an_arm_outside_its_limits_walks_in_and_never_further_out(limiter):
    limiter.start(np.array([1.5, 0.04]))
    seen = [follow(limiter, [2.0, 0.04])[0] for _ in range(300)]
    assert max(seen) <= 1.5
    assert seen[-1] == pytest.approx(1.0, abs=1e-4)


def test_braking_ends_at_rest_exactly(limiter):
    follow(limiter, [1.0, 0.07], steps=30)
    assert not limiter.at_rest
    for _ in range(int(limiter.rest_s / H) + 1):
        limiter.brake(H)
    assert limiter.at_rest
    rests = limiter.state.position
    limiter.brake(H)
    assert (limiter.state.position == rests).all()


def test_one_arm_can_be_placed_while_the_other_goes_on(limiter):
    follow(limiter, [1.0, 0.07], steps=10)
    moving = limiter.state.velocity[1]
    limiter.start(np.array([-0.3, 0.0]), slice(0, 1))
    assert limiter.state.position[0] == -0.3
    assert limiter.state.velocity == pytest.approx([0.0, moving])


values = st.floats(-1.0, 1.0)


@settings(max_examples=300, deadline=None)
@given(values, values)
def test_a_stop_rests_where_it_says_and_keeps_within_what_it_says(speed, push):
    start = MotionState(*(np.array([x]) for x in (0.0, 2.0 * speed, 10.0 * push)))
    plan = StopPlan(start, np.array([10.0]), np.array([200.0]))
    times = np.linspace(0.0, float(plan.duration_s[0]), 400)[:, None]
    way = plan.at(times)
    assert way.velocity[-1] == 0.0
    assert way.acceleration[-1] == 0.0
    assert np.abs(way.acceleration).max() <= 10.0 + 1e-9
    assert np.abs(way.velocity).max() <= plan.top_speed[0] + 1e-9
    assert np.abs(np.diff(way.acceleration[:-1, 0])).max() <= 200.0 * times[1, 0] + 1e-6
    assert way.position.min() >= plan.lowest[0] - 1e-9
    assert way.position.max() <= plan.highest[0] + 1e-9
    assert way.position.min() == pytest.approx(plan.lowest[0], abs=1e-4)
    assert way.position.max() == pytest.approx(plan.highest[0], abs=1e-4)


@settings(max_examples=100, deadline=None)
@given(values, values, st.floats(0.0, 1.0))
def test_planned_again_on_the_way_a_stop_is_the_same(speed, push, share):
    limits = np.array([10.0]), np.array([200.0])
    start = MotionState(*(np.array([x]) for x in (0.0, 2.0 * speed, 10.0 * push)))
    plan = StopPlan(start, *limits)
    rest = plan.at(plan.duration_s)
    again = StopPlan(plan.at(share * plan.duration_s), *limits)
    assert again.at(again.duration_s).position == pytest.approx(rest.position, abs=1e-6)

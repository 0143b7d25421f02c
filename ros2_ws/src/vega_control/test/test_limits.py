import numpy as np
import pytest
from vega_control.limits import Limiter
from vega_control.stop import Stop


@pytest.fixture
def limiter():
    return Limiter([-1.0, 0.0], [1.0, 0.07], [2.0, 0.2], max_interval_s=0.02)


def test_what_the_limits_allow_is_not_changed(limiter):
    command, changed = limiter.apply(np.array([0.505, 0.04]), np.array([0.5, 0.04]), 0.005)
    assert command == pytest.approx([0.505, 0.04])
    assert not changed


def test_position_and_velocity_are_limited(limiter):
    command, changed = limiter.apply(np.array([5.0, -1.0]), np.array([0.999, 0.04]), 0.005)
    assert command == pytest.approx([1.0, 0.039])
    assert changed


def test_a_stall_is_not_made_up_for_at_once(limiter):
    command, _ = limiter.apply(np.array([1.0, 0.04]), np.array([0.0, 0.04]), 10.0)
    assert command[0] == pytest.approx(2.0 * 0.02)


def test_an_arm_outside_its_limits_walks_in(limiter):
    command, changed = limiter.apply(np.array([1.5, 0.04]), np.array([1.5, 0.04]), 0.005)
    assert command[0] == pytest.approx(1.49)
    assert changed


def test_a_stop_ends_at_rest_halfway_of_what_the_velocity_would_have_covered():
    stop = Stop(np.array([1.0, 2.0]), np.array([1.0, 0.0]), start_s=5.0, duration_s=0.1)
    assert stop.at(5.0) == pytest.approx([1.0, 2.0])
    assert stop.at(stop.end_s) == pytest.approx([1.05, 2.0])
    assert stop.at(9.0) == pytest.approx([1.05, 2.0])
    speeds = np.diff([stop.at(5.0 + 0.01 * i)[0] for i in range(11)])
    assert (np.diff(speeds) < 0).all()

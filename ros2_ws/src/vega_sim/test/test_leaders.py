"""The leader arms in simulated time: who moves them, how smoothly, and what the followers do."""

import numpy as np
import pytest
from vega_control.gate import Mode
from vega_sim.leaders import KEYBOARD, Leaders, OperatorError
from vega_sim.twin import Twin

import hw_config
from benches import twin as bench
from benches.twin_leaders import LedTwin

HOME = np.array(hw_config.load().home)
RIGHT = slice(7, 14)
JOINTS = [*range(6), *range(7, 13)]
TICK_S = 0.005
# No leader is moved faster than an arm can be.
REACH = np.array(([3.0] * 6 + [0.3]) * 2) * TICK_S * 1.001


class Watched:
    """A twin with leaders, of which every step is checked."""

    def __init__(self, led):
        self.led, self.leaders, self.twin = led, led.leaders, led.twin
        self.greatest_step = np.zeros(14)

    def run(self, seconds, until=lambda: False):
        for _ in range(round(seconds / TICK_S)):
            if until():
                return True
            before = self.leaders.positions
            self.led.tick()
            step = np.abs(self.leaders.positions - before)
            assert (step <= REACH).all(), f"a leader jumped: {step.max():.3f}"
            self.greatest_step = np.maximum(self.greatest_step, step)
        return until()


@pytest.fixture(scope="module")
def laptop():
    led = LedTwin("close_laptop")
    yield led
    led.twin.close()


@pytest.fixture
def watched(laptop):
    laptop.leaders.operator = "scripted"
    laptop.reset(0)
    return Watched(laptop)


@pytest.fixture
def keyboard(laptop):
    laptop.leaders.operator = KEYBOARD
    laptop.reset(0)
    return Watched(laptop)


def tool(watched, side="right"):
    world = watched.twin.world
    return world.arms[side].tool(watched.leaders.positions[world.arm_slice(side)])


@pytest.mark.parametrize("seed", [0, 1])
def test_the_script_at_the_leaders_does_what_it_does_at_the_arms_bit_for_bit(watched, seed):
    plain = Twin("close_laptop")
    seconds = bench.run_seed(plain, seed)
    watched.led.reset(seed)
    watched.leaders.act(True)
    assert watched.run(20.0, lambda: watched.led.state.success)
    assert watched.led.state.time_s == pytest.approx(seconds)
    np.testing.assert_array_equal(watched.twin.positions(), plain.positions())


def test_leaders_rest_at_home_until_somebody_moves_them(watched):
    watched.run(0.5)
    np.testing.assert_array_equal(watched.leaders.positions, HOME)
    assert watched.leaders.phase == "at rest"
    np.testing.assert_allclose(watched.twin.positions(), HOME, atol=1e-3)


@pytest.mark.parametrize("after_s", [0.31, 1.0, 2.5, 4.0])
def test_at_any_moment_the_arms_can_be_sent_home_smoothly(watched, after_s):
    watched.leaders.act(True)
    watched.run(after_s)
    before = watched.leaders.velocities
    watched.leaders.act(False)
    watched.run(TICK_S)
    # The motion is not cut off: it fades out, and the script's own acceleration sets in.
    np.testing.assert_allclose(watched.leaders.velocities[JOINTS], before[JOINTS], atol=0.25)
    assert watched.run(10.0, lambda: np.abs(watched.twin.positions() - HOME).max() < 0.005)
    watched.run(0.5)
    assert np.abs(watched.leaders.velocities).max() < 1e-3


def test_a_script_that_begins_anew_half_way_goes_on_from_where_the_arms_are(watched):
    watched.leaders.act(True)
    watched.run(2.0)
    watched.leaders.act(True)
    assert watched.run(20.0, lambda: watched.led.state.success)


def test_leaders_far_from_the_arms_close_up_before_they_work(watched):
    watched.leaders.act(True)
    watched.run(1.0)
    away = watched.twin.positions()
    watched.leaders.start(watched.twin)  # at home, as after somebody has moved the arms by hand
    assert np.abs(away - HOME).max() > 0.3
    watched.leaders.leads = False
    watched.leaders.act(True)
    watched.run(2.0)
    watched.leaders.leads = True
    np.testing.assert_allclose(watched.leaders.positions, watched.twin.positions(), atol=0.3)
    assert watched.greatest_step.max() < 0.9 * REACH.max()


def test_a_new_scene_around_the_arms_leaves_the_leaders_where_they_are(watched):
    watched.leaders.act(True)
    watched.run(1.0)
    before = watched.leaders.positions
    watched.leaders.follow_reset(watched.twin)
    np.testing.assert_array_equal(watched.leaders.positions, before)
    assert watched.run(10.0, lambda: np.abs(watched.twin.positions() - HOME).max() < 0.005)


def test_with_a_bus_for_each_leader_the_arms_obey_the_gate_alone():
    led = LedTwin("close_laptop", topology="bus_per_arm")
    assert led.gate.mode is Mode.LEADER
    led.gate.pause()
    led.leaders.act(True)
    led.run(0.5)
    assert np.abs(led.leaders.positions - HOME).max() > 0.05
    np.testing.assert_allclose(led.twin.positions(), HOME, atol=0.01)
    # They cannot go far without the arms, but farther than the gate hands the arms over.
    led.run(1.5)
    with pytest.raises(ValueError, match="leaders do not stand where the arms are; move right_"):
        led.follow()
    led.leaders.act(False)
    led.run(2.0)
    led.follow()
    led.reset(0)
    led.leaders.act(True)
    while not led.state.success:
        led.tick()
        assert led.twin.time_s < 20.0
    assert led.gate.mode is Mode.LEADER
    led.twin.close()


def test_arms_that_were_left_half_way_can_be_taken_over_and_led_home():
    led = LedTwin("close_laptop", topology="bus_per_arm")
    led.leaders.act(True)
    led.run(1.5)
    led.gate.pause()
    led.run(1.0)
    led.leaders.act(False)
    led.run(2.0)
    assert np.abs(led.twin.positions() - HOME).max() > 0.3
    led.follow()
    assert led.go_home()
    led.twin.close()


def test_keys_move_the_tool_in_a_straight_line_and_without_them_it_stands_still(keyboard):
    before = tool(keyboard)
    for _ in range(10):
        keyboard.leaders.jog("right", (0.1, 0.0, 0.0), (0.0, 0.0, 0.0), -0.02)
        keyboard.run(0.1)
    keyboard.run(0.5)
    after = tool(keyboard)
    moved = after[:3, 3] - before[:3, 3]
    # A second, and the 0.2 s for which the last word holds, less the time to get going.
    assert 0.09 < moved[0] < 0.13
    np.testing.assert_allclose(moved[1:], 0.0, atol=0.003)
    np.testing.assert_allclose(after[:3, :3], before[:3, :3], atol=0.02)
    assert keyboard.leaders.positions[13] == pytest.approx(HOME[13] - 0.022, abs=0.004)
    np.testing.assert_array_equal(keyboard.leaders.positions[:7], HOME[:7])
    assert np.abs(keyboard.leaders.velocities).max() < 1e-9
    np.testing.assert_allclose(
        keyboard.twin.positions()[RIGHT], keyboard.leaders.positions[RIGHT], atol=0.01
    )
    assert keyboard.leaders.phase == "driven from the keyboard"


def test_keys_turn_the_tool_about_the_axes_of_the_cell(keyboard):
    before = tool(keyboard)
    for _ in range(10):
        keyboard.leaders.jog("right", (0.0, 0.0, 0.0), (0.0, 0.0, 0.3), 0.0)
        keyboard.run(0.1)
    after = tool(keyboard)
    turned = after[:3, :3] @ before[:3, :3].T
    assert np.arctan2(turned[1, 0], turned[0, 0]) == pytest.approx(0.3, abs=0.06)
    np.testing.assert_allclose(after[:3, 3], before[:3, 3], atol=0.005)


@pytest.mark.parametrize("direction", [(9.0, 0, 0), (0, 0, -9.0), (-9.0, 0, 0), (0, 9.0, 0)])
def test_where_an_arm_cannot_go_it_stays_within_its_limits_and_comes_back_at_once(
    keyboard, direction
):
    for _ in range(60):
        keyboard.leaders.jog("right", direction, (0.0, 0.0, 0.0), 0.0)
        keyboard.run(0.1)
    limits = keyboard.twin.hw.limits
    assert (keyboard.leaders.positions >= limits.lower).all()
    assert (keyboard.leaders.positions <= limits.upper).all()
    there = tool(keyboard)[:3, 3]
    for _ in range(10):
        keyboard.leaders.jog("right", -0.02 * np.array(direction), (0.0, 0.0, 0.0), 0.0)
        keyboard.run(0.1)
    back = (tool(keyboard)[:3, 3] - there) @ np.array(direction) / -9.0
    assert back > 0.05


def test_keys_interrupt_the_way_home(keyboard):
    for _ in range(15):
        keyboard.leaders.jog("left", (0.0, 0.2, 0.0), (0.0, 0.0, 0.0), 0.0)
        keyboard.run(0.1)
    keyboard.leaders.act(False)
    keyboard.run(0.3)
    assert "home" in keyboard.leaders.phase
    keyboard.leaders.jog("left", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0)
    keyboard.run(1.0)
    assert np.abs(keyboard.leaders.positions - HOME).max() > 0.1
    assert np.abs(keyboard.leaders.velocities).max() < 1e-6
    keyboard.leaders.act(False)
    assert keyboard.run(10.0, lambda: np.abs(keyboard.twin.positions() - HOME).max() < 0.005)


def test_what_an_operator_cannot_do_is_refused_in_words(laptop, watched):
    with pytest.raises(OperatorError, match="operator:=keyboard"):
        watched.leaders.jog("right", (0.1, 0, 0), (0, 0, 0), 0.0)
    watched.leaders.operator = KEYBOARD
    with pytest.raises(OperatorError, match="ros2 run vega_sim drive"):
        watched.leaders.act(True)
    with pytest.raises(OperatorError, match="the arms are: left, right"):
        watched.leaders.jog("middle", (0.1, 0, 0), (0, 0, 0), 0.0)
    with pytest.raises(OperatorError, match="finite"):
        watched.leaders.jog("left", (np.nan, 0, 0), (0, 0, 0), 0.0)
    with pytest.raises(OperatorError, match="none, scripted, keyboard"):
        Leaders(laptop.twin, "robot", 200.0)

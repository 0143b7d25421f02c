"""Where both arms may be, by forward kinematics, and the collision guard that stops them before."""

import numpy as np
import pytest
from vega_control.bodies import LEVERS, between_segments
from vega_control.collision_guard import CollisionGuard
from vega_control.limits import Limiter
from vega_control.workspace import Workspace
from vega_description.frames import frame_poses

import hw_config

HARDWARE = hw_config.load()
HOME = np.array(HARDWARE.home)
LIMITS = HARDWARE.limits
LOW = HOME + np.eye(14)[1] * 1.3  # the left hand in the table
ACROSS = HOME + np.eye(14)[0] * -1.2 + np.eye(14)[7] * 1.2 + (np.eye(14)[1] + np.eye(14)[8]) * 0.8


@pytest.fixture(scope="module")
def workspace():
    return Workspace(HARDWARE)


def test_home_is_clear(workspace):
    assert workspace.clearance(HOME[None])[0] > 0.05
    assert workspace.explain(HOME) == ""


def test_finger_tips_end_at_the_tool(workspace):
    tool = frame_poses(HARDWARE, HOME)["left_tool"][:3, 3]
    _, q = workspace._bodies.capsules(HOME[None])
    tips = q[0, 0, -2:]
    assert np.linalg.norm(tips.mean(axis=0) - tool) == pytest.approx(0.0105, abs=1e-6)
    opening = np.linalg.norm(tips[0] - tips[1])
    assert opening == pytest.approx(HOME[6] + 0.019)


def test_a_hand_in_the_table_is_told_with_its_depth(workspace):
    assert workspace.clearance(LOW[None])[0] < 0.0
    assert "the left " in workspace.explain(LOW)
    assert "mm below the floor" in workspace.explain(LOW)


def test_a_lower_table_can_be_told(workspace):
    depth = workspace.clearance(LOW[None])[0]
    lower = Workspace(HARDWARE, floor_drop_m=0.1).clearance(LOW[None])[0]
    assert lower == pytest.approx(depth + 0.1, abs=0.02)


def test_arms_too_near_each_other_are_told(workspace):
    assert workspace.clearance(ACROSS[None])[0] < 0.0
    assert "the left " in workspace.explain(ACROSS)
    assert "from the right" in workspace.explain(ACROSS)


def test_the_first_offending_step_is_named_also_between_two_steps(workspace):
    rows = np.linspace(HOME, LOW, 30)
    step, text = workspace.offence(rows)
    assert workspace.clearance(rows[step - 1 : step])[0] > 0.0
    assert "floor" in text
    assert workspace.offence(rows[: step - 1]) is None
    beyond = 2 * LOW - HOME
    assert workspace.offence(np.array([HOME, LOW, beyond]))[0] == 1


def test_no_joint_moves_any_part_further_than_its_lever_says(workspace):
    rng = np.random.default_rng(0)
    lower, upper = np.array(LIMITS.lower), np.array(LIMITS.upper)
    postures = rng.uniform(lower, upper, (200, 14))
    for joint in range(7):
        moved = postures.copy()
        moved[:, joint] += 1e-4
        ends = [np.concatenate(workspace._bodies.capsules(q), axis=2) for q in (postures, moved)]
        assert np.linalg.norm(ends[1] - ends[0], axis=-1).max() <= 1.0001e-4 * LEVERS[joint]


def test_clearance_never_changes_faster_than_the_levers_say(workspace):
    rng = np.random.default_rng(1)
    a = HOME + rng.uniform(-0.4, 0.4, (300, 14))
    b = a + rng.uniform(-0.05, 0.05, a.shape)
    change = np.abs(workspace.clearance(a) - workspace.clearance(b))
    assert (change <= np.abs(a - b) @ np.tile(LEVERS, 2) + 1e-9).all()


def test_distances_of_segments_agree_with_sampling():
    rng = np.random.default_rng(2)
    p, q, r, s = rng.normal(size=(4, 50, 3))
    t = np.linspace(0, 1, 101)[:, None]
    for i, distance in enumerate(between_segments(p, q, r, s)):
        first, second = p[i] + t * (q[i] - p[i]), r[i] + t * (s[i] - r[i])
        sampled = np.linalg.norm(first[:, None] - second[None], axis=-1).min()
        assert sampled - 0.03 <= distance <= sampled + 1e-9


def lead(limiter, guard, target, ticks):
    """Follows a target under the guard; yields what is commanded."""
    for _ in range(ticks):
        motion = limiter.toward(target, np.zeros(14), 0.005)
        if guard.permits(limiter.state, motion.state, motion.stop):
            limiter.accept(motion)
        else:
            limiter.brake(0.005)
        yield limiter.state.position.copy()


@pytest.fixture
def limiter():
    limiter = Limiter(LIMITS.lower, LIMITS.upper, LIMITS.velocity, LIMITS.acceleration, LIMITS.jerk)
    limiter.start(HOME)
    return limiter


@pytest.mark.parametrize("target", [LOW, ACROSS])
def test_the_guard_stops_the_arms_before_they_leave_the_workspace(workspace, limiter, target):
    guard = CollisionGuard(workspace)
    seen = np.array([*lead(limiter, guard, target, 600)])
    clearances = workspace.clearance(seen)
    assert clearances.min() >= 0.0
    assert clearances[-1] < 0.05
    assert guard.offence()


def test_from_the_wall_there_is_a_way_back(workspace, limiter):
    guard = CollisionGuard(workspace)
    list(lead(limiter, guard, LOW, 600))
    *_, last = lead(limiter, guard, HOME, 600)
    assert last == pytest.approx(HOME, abs=1e-3)


def test_arms_that_are_outside_may_come_in_but_not_go_further_out(workspace, limiter):
    guard = CollisionGuard(workspace)
    limiter.start(LOW)
    deeper = workspace.clearance(np.array([*lead(limiter, guard, 2 * LOW - HOME, 200)]))
    assert deeper.min() >= workspace.clearance(LOW[None])[0] - 1e-5
    *_, last = lead(limiter, guard, HOME, 800)
    assert last == pytest.approx(HOME, abs=1e-3)

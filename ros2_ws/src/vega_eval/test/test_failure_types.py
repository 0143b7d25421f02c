"""Failures provoked in the twin, each with the type that whoever watches it would give it."""

import numpy as np
import pytest
from vega_eval.failure_types import DROP, LOCALISATION, PLACEMENT, TIMEOUT, WORKSPACE
from vega_eval.scoring import failure_type
from vega_sim import arm_script, operators
from vega_sim.tasks import built_tasks
from vega_sim.twin import Twin

ARMS = {"left": slice(0, 7), "right": slice(7, 14)}
JAWS = 6
WIDE_M = 0.07
ON_THE_WAY = ("carry", "turn")
WORKING = {
    "close_laptop": ["right"],
    "handover_cucumber": ["right"],
    "carrots_to_bowls": ["left", "right"],
    "flowers_to_vase": ["left", "right"],
}


@pytest.fixture(scope="module")
def twins():
    made = {task: Twin(task) for task in built_tasks()}
    yield made
    for twin in made.values():
        twin.close()


def unchanged(action, phases):
    """The operator's own commands."""


def fail(twin, meddle=unchanged, seconds=None, prepare=lambda: None):
    """Plays the operator, commands changed by `meddle`; the failure's type and the signals."""
    twin.reset(0)
    prepare()
    operator = operators.make(twin.task.config.name)
    operator.reset(twin)
    while twin.time_s < (seconds or twin.task.config.time_limit_s) - 1e-9:
        action = operator.act(twin)
        meddle(action, operator.phases)
        twin.advance(action)
        signals = twin.update_signals()
    assert not twin.success(), "this was meant to fail"
    return failure_type(signals), signals


class OpensJaws:
    """Opens an arm's jaws for good once `when` holds."""

    def __init__(self, arm, when):
        self.arm, self.when, self.opened = arm, when, False

    def __call__(self, action, phases):
        self.opened |= bool(self.when(phases))
        if self.opened:
            action[ARMS[self.arm]][JAWS] = WIDE_M


def way_to_go(twin, body):
    return next(t.to_go_m for t in twin.task.handled(twin.world) if t.body == body)


@pytest.mark.parametrize("task", WORKING)
def test_hands_that_go_beside_what_they_should_take_mislocalised_it(twins, task):
    def aside(action, phases):
        for arm in WORKING[task]:
            action[ARMS[arm]][0] += 0.30

    kind, signals = fail(twins[task], aside)
    assert kind is LOCALISATION
    assert not signals.ever_held


def test_a_hand_on_the_screen_side_of_the_laptop_mislocalised_it(twins):
    """The paper's example: committed to the wrong side, the hand pushes the screen open."""
    twin = twins["close_laptop"]
    hand, posture = twin.world.arms["right"], np.array(twin.hw.home[7:13])

    def from_the_front(action, phases):
        nonlocal posture
        here = min(twin.time_s / 5.0, 1.0) * np.array([0.16, 0.0, 0.0]) + before_the_screen
        aim = arm_script.reach_pose(twin.world, "right", here, pitch=0.5)
        wanted = hand.inverse(aim.pose, posture, iterations=20).joints
        posture = posture + np.clip(wanted - posture, -0.04, 0.04)
        action[ARMS["right"]][:6] = posture

    twin.reset(0)
    angle = twin.world.angle("laptop_hinge")
    before_the_screen = twin.world.pose("laptop_lid")[:3, 3] + (-0.10, 0.0, 0.12)
    kind, signals = fail(twin, from_the_front)
    assert signals.touched
    assert twin.world.angle("laptop_hinge") > angle
    assert kind is LOCALISATION


def test_a_laptop_that_is_pushed_away_was_mislocalised(twins):
    twin = twins["close_laptop"]

    def push_away():
        twin.world.place("laptop", twin.world.pose("laptop")[:3, 3] + (0.12, 0.0, 0.0))

    kind, signals = fail(twin, prepare=push_away)
    assert "pushed away" in twin.progress()
    assert signals.touched
    assert kind is LOCALISATION


@pytest.mark.parametrize(
    ("task", "arm"),
    [("handover_cucumber", "right"), ("carrots_to_bowls", "left"), ("flowers_to_vase", "right")],
)
def test_jaws_that_open_on_the_way_drop_what_they_hold(twins, task, arm):
    kind, signals = fail(twins[task], OpensJaws(arm, lambda phases: phases[arm] in ON_THE_WAY))
    assert kind is DROP
    assert not signals.held


@pytest.mark.parametrize(
    ("task", "arm", "body", "aside_m"),
    [
        ("handover_cucumber", "right", "cucumber", 0.16),
        ("carrots_to_bowls", "right", "carrot_right", 0.13),
        ("flowers_to_vase", "left", "flower_left", 0.12),
    ],
)
def test_what_is_let_go_beside_its_place_is_a_placement_failure(twins, task, arm, body, aside_m):
    twin = twins[task]

    def beside(phases):
        return phases[arm] in ("carry", "lower", "over") and way_to_go(twin, body) < aside_m

    kind, signals = fail(twin, OpensJaws(arm, beside))
    assert kind is PLACEMENT
    assert signals.released_at_target
    assert not signals.lost


def test_what_is_held_and_goes_nowhere_is_a_placement_failure(twins):
    frozen = {}

    def freeze(action, phases):
        if phases["right"] == "carry":
            action[:] = frozen.setdefault("there", action.copy())

    kind, signals = fail(twins["handover_cucumber"], freeze)
    assert kind is PLACEMENT
    assert signals.held


@pytest.mark.parametrize("task", WORKING)
def test_arms_that_press_on_the_table_collided_with_the_boundary(twins, task):
    steps = 0

    def press(action, phases):
        nonlocal steps
        steps += 1
        arm = action[ARMS["right"]]
        arm[:6] = -0.9, min(0.2 + 0.02 * steps, 2.6), -0.7, 0.0, 0.3, 0.0

    kind, signals = fail(twins[task], press, seconds=8.0)
    assert kind is WORKSPACE
    assert signals.table_force_n > 50.0


@pytest.mark.parametrize(
    ("task", "seconds"),
    [
        ("close_laptop", 3.0),
        ("handover_cucumber", 6.0),
        ("carrots_to_bowls", 4.5),
        ("flowers_to_vase", 6.0),
    ],
)
def test_arms_that_were_getting_on_when_time_ran_out_were_too_slow(twins, task, seconds):
    kind, signals = fail(twins[task], seconds=seconds)
    assert kind is TIMEOUT
    assert signals.stalled_s < 2.0

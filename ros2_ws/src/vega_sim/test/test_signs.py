"""What the twin notes in an episode that the scripted operator plays well, and around it."""

from dataclasses import asdict

import numpy as np
import pytest
from vega_sim import operators, sign_messages
from vega_sim.signs import PRESSING_N, Signs
from vega_sim.tasks import built_tasks
from vega_sim.twin import Twin

import hw_config

GRASPED = [task for task in built_tasks() if task != "close_laptop"]


@pytest.fixture(scope="module")
def twins():
    made = {task: Twin(task) for task in built_tasks()}
    yield made
    for twin in made.values():
        twin.close()


def play(twin, seed, seconds=None, look=True):
    """The operator's episode, to success or for some seconds; the signs at every step."""
    twin.reset(seed)
    operator = operators.make(twin.task.config.name)
    operator.reset(twin)
    end = seconds or twin.task.config.time_limit_s
    signs = [twin.look()] if look else []
    while twin.time_s < end - 1e-9 and (seconds or not twin.success()):
        twin.advance(operator.act(twin))
        if look:
            signs.append(twin.look())
    return signs


@pytest.mark.parametrize("task", built_tasks())
def test_nothing_has_happened_after_a_reset_whatever_came_before(twins, task):
    twin = twins[task]
    play(twin, 0, seconds=3.0)
    twin.reset(1)
    signs = twin.look()
    assert 0.03 < signs.closest_m < 1.0
    assert signs == Signs(closest_m=signs.closest_m)


@pytest.mark.parametrize("task", built_tasks())
def test_the_operator_takes_everything_loses_nothing_and_keeps_off_the_table(twins, task):
    for seed in (0, 1):
        last = play(twins[task], seed)[-1]
        assert twins[task].success()
        assert last.touched
        assert last.closest_m == 0.0
        assert last.ever_held is (task in GRASPED)
        assert not last.lost
        assert not last.released_at_target
        assert last.table_contact_s == last.table_force_n == 0.0


@pytest.mark.parametrize("task", built_tasks())
def test_the_operator_gets_on_all_the_time(twins, task):
    signs = play(twins[task], 2)
    assert 0.0 < max(s.stalled_s for s in signs) < 3.5


def test_a_hand_comes_closer_touches_takes_lifts_and_lets_go(twins):
    signs = play(twins["handover_cucumber"], 0)
    closest = [s.closest_m for s in signs]
    assert closest == sorted(closest, reverse=True)
    touched = next(i for i, s in enumerate(signs) if s.touched)
    held = [i for i, s in enumerate(signs) if s.held]
    assert signs[touched].closest_m == 0.0
    assert touched < held[0]
    assert held == list(range(held[0], held[-1] + 1))
    assert all(s.ever_held for s in signs[held[0] :])
    assert held[-1] < len(signs) - 1


def test_of_two_things_both_have_to_be_taken(twins):
    twin = twins["carrots_to_bowls"]
    twin.reset(0)
    operator = operators.make("carrots_to_bowls")
    operator.reset(twin)
    home = np.array(twin.hw.home)
    while twin.time_s < 5.0:
        twin.advance(np.concatenate([operator.act(twin)[:7], home[7:]]))
        signs = twin.look()
    assert signs.held or twin.milestones()["left_placed"]
    assert not signs.touched
    assert not signs.ever_held
    assert signs.closest_m > 0.05


def test_what_falls_from_the_hand_is_lost_until_it_is_taken_again(twins):
    twin = twins["handover_cucumber"]
    twin.reset(0)
    operator = operators.make("handover_cucumber")
    operator.reset(twin)
    signs, opened_steps = [twin.look()], 0
    while not twin.success():
        action = operator.act(twin)
        if opened_steps or operator.phases["right"] == "carry":
            opened_steps += 1
        if 0 < opened_steps <= 15:
            action[13] = 0.07
        twin.advance(action)
        signs.append(twin.look())
    lost = [i for i, s in enumerate(signs) if s.lost]
    assert lost, "the fall was not seen"
    assert not any(s.held for s in signs[lost[0] : lost[-1] + 1])
    assert any(s.held for s in signs[lost[-1] + 1 :])
    assert not signs[-1].lost


def test_pressing_on_the_table_is_timed_and_weighed(twins):
    twin = twins["flowers_to_vase"]
    twin.reset(0)
    down = np.array(twin.hw.home)
    down[8:11] = 1.9, -0.7, 0.0
    twin.move_arms_to(down)
    before = twin.look()
    while twin.world.pressing("table", {"right_link6", "right_finger1", "right_finger2"}) == 0.0:
        down[8] += 0.02
        twin.advance(down)
    begun_s = twin.time_s
    down[8] += 0.1
    while twin.time_s < begun_s + 1.0:
        twin.advance(down)
        signs = twin.look()
    assert before.table_contact_s == 0.0
    assert signs.table_contact_s == pytest.approx(1.0, abs=0.15)
    assert signs.table_force_n > PRESSING_N
    assert type(signs.table_force_n) is float


@pytest.mark.parametrize("task", built_tasks())
def test_looking_changes_nothing(twins, task):
    twin, ends = twins[task], []
    for look in (True, False):
        play(twin, 3, seconds=4.0, look=look)
        ends.append(np.concatenate([twin.world.data.qpos, twin.world.data.qvel]))
    assert np.array_equal(ends[0], ends[1])


def test_signs_survive_the_way_through_a_message(twins):
    signs = play(twins["handover_cucumber"], 0, seconds=4.0)[-1]
    assert sign_messages.from_message(sign_messages.to_message(signs)) == signs
    assert {type(value) for value in asdict(signs).values()} == {bool, float}


def test_every_task_handles_a_thing_for_each_arm_that_works(twins):
    for task, twin in twins.items():
        twin.reset(0)
        assert len(twin.task.handled(twin.world)) == len(hw_config.load_task(task).arms)

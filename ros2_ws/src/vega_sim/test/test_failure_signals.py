"""What the twin notes in an episode that the scripted operator plays well, and around it."""

from dataclasses import asdict

import numpy as np
import pytest
from vega_sim import operators, sim_outputs
from vega_sim.failure_signals import PRESSING_N, FailureSignals
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


def play(twin, seed, seconds=None, update=True):
    """The operator's episode, to success or for some seconds; the signals at every step."""
    twin.reset(seed)
    operator = operators.make(twin.task.config.name)
    operator.reset(twin)
    end = seconds or twin.task.config.time_limit_s
    signals = [twin.update_signals()] if update else []
    while twin.time_s < end - 1e-9 and (seconds or not twin.success()):
        twin.advance(operator.act(twin))
        if update:
            signals.append(twin.update_signals())
    return signals


@pytest.mark.parametrize("task", built_tasks())
def test_nothing_has_happened_after_a_reset_whatever_came_before(twins, task):
    twin = twins[task]
    play(twin, 0, seconds=3.0)
    twin.reset(1)
    signals = twin.update_signals()
    assert 0.03 < signals.closest_m < 1.0
    assert signals == FailureSignals(closest_m=signals.closest_m)


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
    signals = play(twins[task], 2)
    assert 0.0 < max(s.stalled_s for s in signals) < 3.5


def test_a_hand_comes_closer_touches_takes_lifts_and_lets_go(twins):
    signals = play(twins["handover_cucumber"], 0)
    closest = [s.closest_m for s in signals]
    assert closest == sorted(closest, reverse=True)
    touched = next(i for i, s in enumerate(signals) if s.touched)
    held = [i for i, s in enumerate(signals) if s.held]
    assert signals[touched].closest_m == 0.0
    assert touched < held[0]
    assert held == list(range(held[0], held[-1] + 1))
    assert all(s.ever_held for s in signals[held[0] :])
    assert held[-1] < len(signals) - 1


def test_of_two_things_both_have_to_be_taken(twins):
    twin = twins["carrots_to_bowls"]
    twin.reset(0)
    operator = operators.make("carrots_to_bowls")
    operator.reset(twin)
    home = np.array(twin.hw.home)
    while twin.time_s < 5.0:
        twin.advance(np.concatenate([operator.act(twin)[:7], home[7:]]))
        signals = twin.update_signals()
    assert signals.held or twin.milestones()["left_placed"]
    assert not signals.touched
    assert not signals.ever_held
    assert signals.closest_m > 0.05


def test_what_falls_from_the_hand_is_lost_until_it_is_taken_again(twins):
    twin = twins["handover_cucumber"]
    twin.reset(0)
    operator = operators.make("handover_cucumber")
    operator.reset(twin)
    signals, opened_steps = [twin.update_signals()], 0
    while not twin.success():
        action = operator.act(twin)
        if opened_steps or operator.phases["right"] == "carry":
            opened_steps += 1
        if 0 < opened_steps <= 15:
            action[13] = 0.07
        twin.advance(action)
        signals.append(twin.update_signals())
    lost = [i for i, s in enumerate(signals) if s.lost]
    assert lost, "the fall was not seen"
    assert not any(s.held for s in signals[lost[0] : lost[-1] + 1])
    assert any(s.held for s in signals[lost[-1] + 1 :])
    assert not signals[-1].lost


def test_pressing_on_the_table_is_timed_and_weighed(twins):
    twin = twins["flowers_to_vase"]
    twin.reset(0)
    down = np.array(twin.hw.home)
    down[8:11] = 1.9, -0.7, 0.0
    twin.move_arms_to(down)
    before = twin.update_signals()
    while twin.world.pressing("table", {"right_link6", "right_finger1", "right_finger2"}) == 0.0:
        down[8] += 0.02
        twin.advance(down)
    begun_s = twin.time_s
    down[8] += 0.1
    while twin.time_s < begun_s + 1.0:
        twin.advance(down)
        signals = twin.update_signals()
    assert before.table_contact_s == 0.0
    assert signals.table_contact_s == pytest.approx(1.0, abs=0.15)
    assert signals.table_force_n > PRESSING_N
    assert type(signals.table_force_n) is float


@pytest.mark.parametrize("task", built_tasks())
def test_looking_changes_nothing(twins, task):
    twin, ends = twins[task], []
    for update in (True, False):
        play(twin, 3, seconds=4.0, update=update)
        ends.append(np.concatenate([twin.world.data.qpos, twin.world.data.qvel]))
    assert np.array_equal(ends[0], ends[1])


def test_signs_survive_the_way_through_a_message(twins):
    signals = play(twins["handover_cucumber"], 0, seconds=4.0)[-1]
    assert sim_outputs.signals_from_message(sim_outputs.signals_to_message(signals)) == signals
    assert {type(value) for value in asdict(signals).values()} == {bool, float}


def test_every_task_handles_a_thing_for_each_arm_that_works(twins):
    for task, twin in twins.items():
        twin.reset(0)
        assert len(twin.task.handled(twin.world)) == len(hw_config.load_task(task).arms)

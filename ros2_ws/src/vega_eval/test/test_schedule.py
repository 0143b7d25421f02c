import pytest
from hypothesis import given
from hypothesis import strategies as st
from vega_eval.errors import EvalError
from vega_eval.trials.schedule import letters, schedule

COUNTS = st.integers(1, 30)
POLICIES = st.integers(1, 5)
SEEDS = st.integers(0, 2**31)


@given(COUNTS, POLICIES, SEEDS)
def test_every_policy_plays_every_placement_once(placements, policies, seed):
    trials = schedule(placements, letters(policies, seed), seed)
    played = {(trial.placement, trial.policy) for trial in trials}
    assert len(trials) == len(played) == placements * policies
    assert [trial.number for trial in trials] == list(range(1, len(trials) + 1))


@given(COUNTS, POLICIES, SEEDS)
def test_a_placement_is_played_by_all_before_the_next_one(placements, policies, seed):
    trials = schedule(placements, letters(policies, seed), seed)
    assert [trial.placement for trial in trials] == [
        placement for placement in range(placements) for _ in range(policies)
    ]


@given(st.integers(1, 15), SEEDS)
def test_of_two_policies_each_begins_equally_often(pairs_of_placements, seed):
    trials = schedule(2 * pairs_of_placements, ("A", "B"), seed)
    begins = [trial.policy for trial in trials[::2]]
    assert begins.count("A") == begins.count("B")


def test_the_same_seed_gives_the_same_schedule_and_another_one_another():
    assert schedule(20, ("A", "B"), 3) == schedule(20, ("A", "B"), 3)
    assert schedule(20, ("A", "B"), 3) != schedule(20, ("A", "B"), 4)


def test_which_policy_hides_behind_which_letter_depends_on_the_seed():
    assert {letters(2, seed) for seed in range(20)} == {("A", "B"), ("B", "A")}
    assert letters(2, 5) == letters(2, 5)


@pytest.mark.parametrize("count", [0, 27])
def test_there_are_no_more_policies_than_letters(count):
    with pytest.raises(EvalError, match=f"expected 1 to 26 policies, got {count}"):
        letters(count, 0)

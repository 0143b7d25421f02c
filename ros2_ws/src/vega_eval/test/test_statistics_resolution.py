import numpy as np
import pytest
from scipy.stats import multinomial
from vega_eval.statistics import (
    Count,
    PairCounts,
    barnard,
    mcnemar_exact,
    mcnemar_power,
    resolution_sentences,
    smallest_resolvable,
    trials_for_power,
    wins_needed,
)


@pytest.mark.parametrize(
    ("baseline", "needed"), [(0, 4), (10, 17), (13, 19), (14, 19), (16, 20), (17, None), (20, None)]
)
def test_what_beats_a_policy_in_20_trials(baseline, needed):
    assert smallest_resolvable(baseline, 20) == needed
    if needed is not None:
        assert barnard(Count(needed, 20), Count(baseline, 20)) < 0.05
        assert barnard(Count(needed - 1, 20), Count(baseline, 20)) >= 0.05


def test_without_trials_nothing_beats_anything():
    assert smallest_resolvable(0, 0) is None
    assert wins_needed(0, 0) is None


def test_wins_to_losses_that_decide():
    assert [wins_needed(losses, 20) for losses in range(6)] == [6, 8, 10, 12, 13, 15]
    assert wins_needed(0, 5) is None
    assert wins_needed(6, 20) is None
    assert wins_needed(0, 20, level=0.05 / 3) == 7


@pytest.mark.parametrize(
    ("rates", "trials"),
    [((0.65, 0.80), 138), ((0.50, 0.60), 388), ((0.40, 0.80), 23), ((0.95, 0.65), 27)],
)
def test_trials_for_80_percent_power(rates, trials):
    assert trials_for_power(*rates) == trials


def test_more_power_takes_more_trials():
    assert trials_for_power(0.65, 0.8, power=0.9) > 138
    assert trials_for_power(0.65, 0.8, level=0.01) > 138


@pytest.mark.parametrize(("only_a", "only_b"), [(0.45, 0.05), (0.3, 0.3), (1.0, 0.0), (0.0, 0.0)])
def test_the_power_is_the_probability_of_all_significant_tables(only_a, only_b):
    cells = [only_a, only_b, 1 - only_a - only_b]
    expected = sum(
        multinomial.pmf([a, b, 12 - a - b], 12, cells)
        for a in range(13)
        for b in range(13 - a)
        if a > b and mcnemar_exact(PairCounts(0, a, b, 0)) < 0.05
    )
    assert mcnemar_power(only_a, only_b, 12) == pytest.approx(expected, abs=1e-9)


def test_a_session_of_two_policies_in_words():
    words = "\n".join(resolution_sentences(20, 2))
    assert "10 of 20 successes would mean 27% to 73%" in words
    assert "win 6:0, 8:1, 10:2 of the scenes" in words
    assert "against 13 of 20 it takes 19, for p < 0.05" in words
    assert "65% and 80% are told apart scene by scene with probability 0.10" in words
    assert "with 0.80 as separate sets of about 138 trials a policy" in words
    assert "after 7 pairs at the earliest" in words


def test_a_single_policy_is_compared_with_nothing():
    assert len(resolution_sentences(20, 1)) == 1


def test_more_policies_share_the_level():
    words = resolution_sentences(20, 3)
    assert "3 policies are 3 comparisons: each is made at p < 0.0167" in words[1]
    assert "win 7:0, 10:1, 12:2" in words[2]


def test_too_few_trials_are_called_so():
    words = "\n".join(resolution_sentences(5, 2))
    assert "5 scenes are too few" in words
    assert "against 3 of 5 no result is enough" in words
    assert "after every pair" not in words
    assert resolution_sentences(1, 2)


@pytest.mark.parametrize(
    ("refused", "says"),
    [
        (lambda: resolution_sentences(0, 2), "at least 1 trial a policy"),
        (lambda: resolution_sentences(20, 0), "at least 1 policy"),
        (lambda: resolution_sentences(20, 2, 1.0), "level must be between 0 and 1"),
        (lambda: resolution_sentences(20, 1, 1.0), "level must be between 0 and 1"),
        (lambda: smallest_resolvable(21, 20), "successes are among the trials"),
        (lambda: wins_needed(-1, 20), "losses must be at least 0"),
        (lambda: mcnemar_power(0.7, 0.5, 20), r"only_a \+ only_b must be from 0 to 1"),
        (lambda: mcnemar_power(0.7, 0.1, -1), "pairs must be at least 0"),
        (lambda: trials_for_power(0.5, 0.5), "equal rates cannot be told apart"),
        (lambda: trials_for_power(0.5, 1.5), "rate_b must be from 0 to 1"),
        (lambda: trials_for_power(0.5, 0.6, power=1), "power must be between 0 and 1"),
        (lambda: trials_for_power(0.5, np.nan), "rate_b must be from 0 to 1"),
    ],
)
def test_what_is_no_plan_is_refused(refused, says):
    with pytest.raises(ValueError, match=says):
        refused()

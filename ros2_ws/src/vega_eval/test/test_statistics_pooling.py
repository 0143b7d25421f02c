from math import hypot

import pytest
from scipy.stats import fisher_exact
from vega_eval.statistics import (
    Count,
    PairCounts,
    clopper_pearson,
    mantel_haenszel_exact,
    mcnemar_exact,
    mean_difference,
    mean_paired_difference,
    newcombe,
    newcombe_paired,
    pooled_mcnemar,
    pooled_rate,
)

PENICILLIN = [
    (Count(0, 6), Count(0, 5)),
    (Count(3, 6), Count(0, 6)),
    (Count(6, 6), Count(2, 6)),
    (Count(5, 6), Count(6, 6)),
    (Count(2, 2), Count(5, 5)),
]
"""Rabbits cured after immediate and delayed treatment, by dose (Agresti 1990, R's example)."""


def test_the_pooled_rate_is_that_of_all_trials_with_an_exact_interval():
    found = pooled_rate([Count(16, 20), Count(13, 20), Count(5, 20), Count(14, 20)])
    assert found.value == 48 / 80
    assert found.interval == clopper_pearson(48, 80)
    assert pooled_rate([Count(0, 0), Count(3, 4)]).value == 0.75


def test_a_mean_difference_adds_the_squared_distances_of_the_tasks_limits():
    tasks = [(Count(16, 20), Count(13, 20)), (Count(5, 20), Count(6, 20))]
    one, other = (newcombe(a, b, 0.9, clopper_pearson) for a, b in tasks)
    found = mean_difference(tasks, 0.9, clopper_pearson)
    assert found.value == pytest.approx(0.05)
    down = hypot(one.value - one.interval.low, other.value - other.interval.low) / 2
    up = hypot(one.interval.high - one.value, other.interval.high - other.value) / 2
    assert found.interval.low == pytest.approx(0.05 - down, abs=1e-12)
    assert found.interval.high == pytest.approx(0.05 + up, abs=1e-12)


def test_of_a_single_task_the_mean_is_its_own():
    pair, sets = PairCounts(9, 7, 1, 3), (Count(16, 20), Count(10, 20))
    found, expected = mean_paired_difference([pair]), newcombe_paired(pair)
    assert found.value == pytest.approx(expected.value)
    assert found.interval.low == pytest.approx(expected.interval.low)
    assert mean_difference([sets]).interval.high == pytest.approx(newcombe(*sets).interval.high)
    assert pooled_mcnemar([pair]) == mcnemar_exact(pair)


def test_tasks_that_show_nothing_alone_may_together():
    task = PairCounts(10, 4, 1, 5)
    assert mcnemar_exact(task) > 0.3
    assert pooled_mcnemar([task] * 4) == mcnemar_exact(PairCounts(40, 16, 4, 20)) < 0.05
    single, four = mean_paired_difference([task]), mean_paired_difference([task] * 4)
    assert four.interval.width == pytest.approx(single.interval.width / 2)


def test_the_exact_mantel_haenszel_test_is_that_of_r():
    """mantelhaen.test(Rabbits, exact = TRUE): S = 16, p-value = 0.03994."""
    assert mantel_haenszel_exact(PENICILLIN) == pytest.approx(0.03994, abs=5.1e-6)


@pytest.mark.parametrize(("a", "b"), [(16, 13), (13, 19), (0, 0), (20, 0)])
def test_the_exact_mantel_haenszel_test_of_one_task_is_fisher_s(a, b):
    expected = fisher_exact([[a, b], [20 - a, 20 - b]]).pvalue
    found = mantel_haenszel_exact([(Count(a, 20), Count(b, 20))])
    assert found == pytest.approx(expected, abs=1e-6)


def test_tasks_without_trials_say_nothing():
    nothing = (Count(0, 0), Count(0, 0))
    expected = mantel_haenszel_exact(PENICILLIN)
    assert mantel_haenszel_exact([*PENICILLIN, nothing]) == pytest.approx(expected)
    assert mantel_haenszel_exact([nothing]) == 1.0


@pytest.mark.parametrize(
    ("pooled", "says"),
    [
        (mean_difference, "at least 1 task"),
        (mean_paired_difference, "at least 1 task"),
        (pooled_mcnemar, "at least 1 task"),
        (mantel_haenszel_exact, "at least 1 task"),
        (pooled_rate, "at least 1 trial"),
    ],
)
def test_no_tasks_are_refused(pooled, says):
    with pytest.raises(ValueError, match=says):
        pooled([])

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import barnard_exact, binom, fisher_exact
from vega_eval.statistics import Count, barnard, clopper_pearson, newcombe, wilson

counts = st.integers(1, 40).flatmap(lambda n: st.builds(Count, st.integers(0, n), st.just(n)))


def of_20(successes):
    return Count(successes, 20)


def test_the_vaccine_trial_of_mehta_and_senchaudhuri_2003():
    """7 of 15 against 12 of 15: 0.0341 one-sided; both sides are as likely here."""
    assert barnard(Count(7, 15), Count(12, 15)) == pytest.approx(2 * 0.0341, abs=1e-4)


@pytest.mark.parametrize(("a", "b"), [(16, 13), (16, 14), (13, 19), (14, 19), (10, 17), (10, 16)])
def test_barnard_is_that_of_scipy(a, b):
    expected = barnard_exact([[a, b], [20 - a, 20 - b]]).pvalue
    assert barnard(of_20(a), of_20(b)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("a", "b"), [(6, 13), (7, 14), (11, 10), (20, 12), (13, 18)])
def test_barnard_is_the_largest_probability_of_tables_as_extreme_by_whole_numbers(a, b):
    """Also where scipy's rounding leaves such tables out."""

    def extremeness(x, y):
        return (x - y) ** 2, (x + y) * (40 - x - y)

    top, bottom = extremeness(a, b)
    rates = np.linspace(0, 1, 20_001)
    pmf = binom.pmf(np.arange(21)[:, None], 20, rates)
    probability = np.zeros_like(rates)
    for x in range(21):
        for y in range(21):
            above, below = extremeness(x, y)
            if below and above * bottom >= top * below:
                probability += pmf[x] * pmf[y]
    assert barnard(of_20(a), of_20(b)) == pytest.approx(probability.max(), abs=1e-6)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(counts, counts)
def test_barnard_does_not_depend_on_names_of_policies_or_outcomes(a, b):
    p = barnard(a, b)
    assert 0.0 <= p <= 1.0
    assert barnard(b, a) == pytest.approx(p, abs=1e-7)
    failures = [Count(count.trials - count.successes, count.trials) for count in (a, b)]
    assert barnard(*failures) == pytest.approx(p, abs=1e-7)


def test_barnard_is_seldom_above_fisher_for_sessions_of_20():
    pairs = [(a, b) for a in range(0, 21, 2) for b in range(a + 1, 21)]
    lower = [
        barnard(of_20(a), of_20(b)) <= fisher_exact([[a, b], [20 - a, 20 - b]]).pvalue + 1e-9
        for a, b in pairs
    ]
    assert np.mean(lower) > 0.95


@pytest.mark.parametrize(
    ("a", "b"), [(Count(0, 0), of_20(5)), (of_20(0), of_20(0)), (of_20(20), Count(3, 3))]
)
def test_where_nothing_can_differ_p_is_1(a, b):
    assert barnard(a, b) == 1.0


@pytest.mark.parametrize(
    ("a", "b", "low", "high"),
    [
        (Count(56, 70), Count(48, 80), 0.0524, 0.3339),
        (Count(9, 10), Count(3, 10), 0.1705, 0.8090),
        (Count(6, 7), Count(2, 7), 0.0582, 0.8062),
        (Count(5, 56), Count(0, 29), -0.0381, 0.1926),
        (Count(0, 10), Count(0, 20), -0.1611, 0.2775),
        (Count(0, 10), Count(0, 10), -0.2775, 0.2775),
        (Count(10, 10), Count(0, 20), 0.6791, 1.0),
        (Count(10, 10), Count(0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_1998_table_2_method_10(a, b, low, high):
    found = newcombe(a, b)
    assert found.value == pytest.approx(a.rate - b.rate)
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high), abs=5.1e-5)


def test_newcombe_is_that_of_statsmodels():
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    for a in range(0, 21, 2):
        for b in range(0, 31, 3):
            expected = proportion.confint_proportions_2indep(a, 20, b, 30, method="newcomb")
            found = newcombe(of_20(a), Count(b, 30)).interval
            assert (found.low, found.high) == pytest.approx(expected, abs=1e-6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(counts, counts)
def test_newcombe_turns_its_sign_with_the_policies(a, b):
    found, turned = newcombe(a, b), newcombe(b, a)
    assert found.value == pytest.approx(-turned.value)
    assert found.interval.low == pytest.approx(-turned.interval.high)
    assert -1 - 1e-12 <= found.interval.low <= found.value <= found.interval.high <= 1 + 1e-12


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 20), st.integers(0, 20))
def test_clopper_pearson_limits_make_it_wider(a, b):
    by_wilson = newcombe(of_20(a), of_20(b), limits=wilson).interval
    assert newcombe(of_20(a), of_20(b), limits=clopper_pearson).interval.width > by_wilson.width


def test_a_difference_needs_trials_and_a_level():
    with pytest.raises(ValueError, match="at least 1 trial"):
        newcombe(Count(0, 0), of_20(3))
    with pytest.raises(ValueError, match="level must be between 0 and 1: got 2"):
        newcombe(of_20(4), of_20(3), 2)

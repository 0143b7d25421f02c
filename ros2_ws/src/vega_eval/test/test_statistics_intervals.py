import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, norm
from vega_eval.statistics import Count, Interval, clopper_pearson, wilson

counts = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
levels = st.floats(0.5, 0.999)


@pytest.mark.parametrize(
    ("successes", "trials", "by_wilson", "exactly"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0000, 0.1611), (0.0000, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_newcombe_1998_table_1(successes, trials, by_wilson, exactly):
    found = wilson(successes, trials)
    assert (found.low, found.high) == pytest.approx(by_wilson, abs=5.1e-5)
    found = clopper_pearson(successes, trials)
    assert (found.low, found.high) == pytest.approx(exactly, abs=5.1e-5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(counts, levels)
def test_wilson_is_its_formula(count, level):
    k, n = count
    z, p = norm.isf((1 - level) / 2), k / n
    centre = (k + z**2 / 2) / (n + z**2)
    half = z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5 / (1 + z**2 / n)
    found = wilson(k, n, level)
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half), abs=1e-9)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(counts, levels)
def test_clopper_pearson_is_two_beta_quantiles(count, level):
    k, n = count
    found = clopper_pearson(k, n, level)
    low = beta.ppf((1 - level) / 2, k, n - k + 1) if k else 0.0
    high = beta.ppf((1 + level) / 2, k + 1, n - k) if k < n else 1.0
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(counts, levels)
@pytest.mark.parametrize("method", [wilson, clopper_pearson])
def test_intervals_hold_the_rate_and_mirror_with_failures(method, count, level):
    k, n = count
    found, mirrored = method(k, n, level), method(n - k, n, level)
    assert 0.0 <= found.low <= k / n <= found.high <= 1.0
    assert (1 - found.high, 1 - found.low) == pytest.approx((mirrored.low, mirrored.high))


def test_they_are_those_of_statsmodels():
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    for k in range(21):
        for method, name in ((wilson, "wilson"), (clopper_pearson, "beta")):
            low, high = proportion.proportion_confint(k, 20, method=name)
            found = method(k, 20)
            assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize("method", [wilson, clopper_pearson])
def test_without_trials_nothing_is_known(method):
    assert method(0, 0) == Interval(0.0, 1.0)


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ((3, 2), "successes are among the trials: got 3 of 2"),
        ((-1, 2), "successes must be at least 0: got -1"),
        ((1.5, 2), "successes must be a whole number: got 1.5"),
        ((1, "2"), "trials must be a whole number: got '2'"),
        ((1, 2, 0.0), "level must be between 0 and 1: got 0.0"),
        ((1, 2, 95), "level must be between 0 and 1: got 95"),
        ((1, 2, float("nan")), "level must be between 0 and 1: got nan"),
    ],
)
@pytest.mark.parametrize("method", [wilson, clopper_pearson])
def test_what_is_no_count_or_level_is_refused(method, given_, says):
    with pytest.raises(ValueError, match=says):
        method(*given_)


def test_a_rate_needs_trials():
    assert Count(13, 20).rate == 0.65
    with pytest.raises(ValueError, match="at least 1 trial"):
        _ = Count(0, 0).rate


def test_an_interval_holds_its_ends():
    assert 0.2 in Interval(0.2, 0.4)
    assert 0.4 in Interval(0.2, 0.4)
    assert 0.41 not in Interval(0.2, 0.4)
    assert Interval(0.25, 0.75).width == 0.5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, trapezoid
from scipy.stats import beta
from vega_eval.statistics import Count, Posterior, probability_better

counts = st.integers(0, 60).flatmap(lambda n: st.builds(Count, st.integers(0, n), st.just(n)))


def test_the_posterior_is_the_beta_distribution_of_successes_and_failures():
    posterior = Posterior.of(Count(13, 20))
    assert posterior == Posterior(alpha=14, beta=8)
    assert posterior.mean == pytest.approx(14 / 22)
    interval = posterior.interval(0.9)
    assert beta.cdf([interval.low, interval.high], 14, 8) == pytest.approx([0.05, 0.95])


def test_without_trials_every_rate_is_as_likely():
    posterior = Posterior.of(Count(0, 0))
    rates, density = posterior.density(5)
    assert rates.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert density == pytest.approx(1.0)
    assert posterior.interval().low == pytest.approx(0.025)


def test_the_density_has_an_area_of_1():
    rates, density = Posterior.of(Count(20, 20)).density(2001)
    assert trapezoid(density, rates) == pytest.approx(1.0, abs=1e-4)


def test_one_success_against_one_failure_is_better_with_probability_5_6():
    assert probability_better(Count(1, 1), Count(0, 1)) == pytest.approx(5 / 6, abs=1e-12)


@pytest.mark.parametrize(("a", "b"), [((16, 20), (13, 20)), ((3, 7), (50, 80)), ((0, 5), (5, 5))])
def test_the_probability_is_that_of_the_integral(a, b):
    of_a, of_b = Posterior.of(Count(*a)), Posterior.of(Count(*b))
    expected, _ = quad(
        lambda p: beta.pdf(p, of_a.alpha, of_a.beta) * beta.cdf(p, of_b.alpha, of_b.beta), 0, 1
    )
    assert probability_better(Count(*a), Count(*b)) == pytest.approx(expected, abs=1e-6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(counts, counts)
def test_one_of_the_two_is_better(a, b):
    assert probability_better(a, b) + probability_better(b, a) == pytest.approx(1.0, abs=1e-9)
    assert probability_better(a, a) == pytest.approx(0.5, abs=1e-9)


def test_what_is_no_level_or_curve_is_refused():
    with pytest.raises(ValueError, match="level must be between 0 and 1"):
        Posterior.of(Count(1, 2)).interval(1.5)
    with pytest.raises(ValueError, match="at least 2 points: got 1"):
        Posterior.of(Count(1, 2)).density(1)

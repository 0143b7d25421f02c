"""What is believed of a success rate after some trials, from a uniform prior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln
from scipy.stats import beta

from vega_eval.statistics.counts import Count, fraction, whole
from vega_eval.statistics.intervals import Interval


@dataclass(frozen=True)
class Posterior:
    """Beta(1 + k, 1 + n - k), after k successes in n trials."""

    alpha: int
    beta: int

    @classmethod
    def of(cls, count: Count) -> Posterior:
        """What is believed after these trials."""
        return cls(1 + count.successes, 1 + count.trials - count.successes)

    @property
    def mean(self) -> float:
        """The expected rate, (1 + k) / (2 + n)."""
        return self.alpha / (self.alpha + self.beta)

    def interval(self, level: float = 0.95) -> Interval:
        """The credible interval, with equal probability to both sides.

        Raises:
            ValueError: The level is not between 0 and 1.
        """
        low, high = beta.interval(fraction("level", level), self.alpha, self.beta)
        return Interval(float(low), float(high))

    def density(self, points: int = 201) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """For drawing: rates from 0 to 1, float64 [points], and the density at each.

        Raises:
            ValueError: There are fewer than 2 points.
        """
        if whole("points", points) < 2:
            raise ValueError(f"a curve needs at least 2 points: got {points}")
        rates = np.linspace(0.0, 1.0, points)
        return rates, np.asarray(beta.pdf(rates, self.alpha, self.beta))


def probability_better(a: Count, b: Count) -> float:
    """P(A's rate > B's), exactly: a finite sum, as both posteriors have whole parameters.

    sum over i < alpha_a of B(alpha_b + i, beta_a + beta_b)
    / ((beta_a + i) B(1 + i, beta_a) B(alpha_b, beta_b)).
    """
    of_a, of_b = Posterior.of(a), Posterior.of(b)
    i = np.arange(of_a.alpha)
    log_terms = (
        betaln(of_b.alpha + i, of_a.beta + of_b.beta)
        - np.log(of_a.beta + i)
        - betaln(1 + i, of_a.beta)
        - betaln(of_b.alpha, of_b.beta)
    )
    return float(min(np.exp(log_terms).sum(), 1.0))

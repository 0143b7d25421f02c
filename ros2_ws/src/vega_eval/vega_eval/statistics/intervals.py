"""Confidence intervals of one success rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from scipy.stats import binomtest

from vega_eval.statistics.counts import Count, fraction


@dataclass(frozen=True)
class Interval:
    """From low to high, both within."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def width(self) -> float:
        """How far high is from low."""
        return self.high - self.low


@dataclass(frozen=True)
class Estimate:
    """A value and its confidence interval."""

    value: float
    interval: Interval


RateInterval = Callable[[int, int, float], Interval]
"""`clopper_pearson` or `wilson`: of successes, trials and level."""


def clopper_pearson(successes: int, trials: int, level: float = 0.95) -> Interval:
    """The exact interval: covers the true rate at least as often as the level says, always.

    The quantiles (1 - level) / 2 of Beta(k, n - k + 1) and (1 + level) / 2 of Beta(k + 1, n - k)
    (Clopper and Pearson 1934). Without trials it is all from 0 to 1.

    Raises:
        ValueError: The counts are none, or the level is not between 0 and 1.
    """
    return _interval(Count(successes, trials), fraction("level", level), "exact")


def wilson(successes: int, trials: int, level: float = 0.95) -> Interval:
    """The score interval: shorter, covers as often as the level says only on average over rates.

    Centre (k + z^2/2) / (n + z^2), half width z sqrt(p (1 - p) / n + z^2 / 4n^2) / (1 + z^2/n)
    (Wilson 1927). Without trials it is all from 0 to 1, the formula's limit.

    Raises:
        ValueError: The counts are none, or the level is not between 0 and 1.
    """
    return _interval(Count(successes, trials), fraction("level", level), "wilson")


@lru_cache(maxsize=4096)
def _interval(count: Count, level: float, method: Literal["exact", "wilson"]) -> Interval:
    if count.trials == 0:
        return Interval(0.0, 1.0)
    found = binomtest(count.successes, count.trials).proportion_ci(level, method)
    return Interval(float(found.low), float(found.high))

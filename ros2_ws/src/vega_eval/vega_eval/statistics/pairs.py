"""Two policies on the same initial scenes: one pair of outcomes a scene."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from math import sqrt

from scipy.stats import binomtest

from vega_eval.statistics.counts import Count, whole
from vega_eval.statistics.intervals import Estimate, Interval, RateInterval, wilson


@dataclass(frozen=True)
class PairCounts:
    """Pairs by who succeeded.

    Attributes:
        both: Scenes that both policies did.
        only_a: Those that only A did.
        only_b: Those that only B did.
        neither: Those that neither did.

    Raises:
        ValueError: One of them is no whole number, or negative.
    """

    both: int
    only_a: int
    only_b: int
    neither: int

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, whole(field.name, getattr(self, field.name)))

    def __add__(self, other: PairCounts) -> PairCounts:
        return PairCounts(
            self.both + other.both,
            self.only_a + other.only_a,
            self.only_b + other.only_b,
            self.neither + other.neither,
        )

    @classmethod
    def of(cls, outcomes: Iterable[tuple[bool, bool]]) -> PairCounts:
        """Counts pairs (whether A succeeded, whether B succeeded)."""
        found = [(bool(a), bool(b)) for a, b in outcomes]
        kinds = ((True, True), (True, False), (False, True), (False, False))
        return cls(*(found.count(kind) for kind in kinds))

    @property
    def pairs(self) -> int:
        """All of them."""
        return self.both + self.only_a + self.only_b + self.neither

    @property
    def discordant(self) -> int:
        """Pairs of which only one policy succeeded: only these say who is better."""
        return self.only_a + self.only_b

    @property
    def a(self) -> Count:
        """A's successes by themselves."""
        return Count(self.both + self.only_a, self.pairs)

    @property
    def b(self) -> Count:
        """B's successes by themselves."""
        return Count(self.both + self.only_b, self.pairs)


def mcnemar_exact(counts: PairCounts) -> float:
    """Two-sided p-value of the exact McNemar test; 1 without discordant pairs.

    If the policies are equally good, each discordant pair is A's with probability 1/2:
    p = min(1, 2 P(Bin(d, 1/2) <= min(only_a, only_b))).
    """
    if counts.discordant == 0:
        return 1.0
    return float(binomtest(counts.only_a, counts.discordant, 0.5).pvalue)


def newcombe_paired(
    counts: PairCounts, level: float = 0.95, limits: RateInterval = wilson
) -> Estimate:
    """A's success rate less B's, from pairs, by the square-and-add interval.

    Method 10 of Newcombe, "Improved confidence intervals for the difference between binomial
    proportions based on paired data", Statistics in Medicine 17 (1998) 2635: the limits of both
    rates, combined with their correlation. Newcombe's are Wilson's; with those of Clopper and
    Pearson the interval is wider and covers more often.

    Raises:
        ValueError: There are no pairs, or the level is not between 0 and 1.
    """
    if counts.pairs == 0:
        raise ValueError("a difference needs at least 1 pair: got none")
    a, b, phi = counts.a, counts.b, _correlation(counts)
    of_a = limits(a.successes, a.trials, level)
    of_b = limits(b.successes, b.trials, level)
    difference = (counts.only_a - counts.only_b) / counts.pairs
    down = _add(a.rate - of_a.low, of_b.high - b.rate, phi)
    up = _add(of_a.high - a.rate, b.rate - of_b.low, phi)
    return Estimate(difference, Interval(difference - down, difference + up))


def _add(one: float, other: float, correlation: float) -> float:
    return sqrt(max(one**2 - 2 * correlation * one * other + other**2, 0.0))


def _correlation(counts: PairCounts) -> float:
    """Newcombe's phi: where it is positive, less n/2 in the numerator (but not below 0)."""
    a, b, n = counts.a.successes, counts.b.successes, counts.pairs
    margins = a * (n - a) * b * (n - b)
    if margins == 0:
        return 0.0
    cross = float(counts.both * counts.neither - counts.only_a * counts.only_b)
    if cross > 0:
        cross = max(cross - n / 2, 0.0)
    return cross / sqrt(margins)

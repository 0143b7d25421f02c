"""Shows how often the intervals cover what they estimate: simulated, and exactly enumerated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, multinomial
from vega_eval.statistics.counts import Count
from vega_eval.statistics.intervals import Interval, RateInterval, clopper_pearson, wilson
from vega_eval.statistics.pairs import PairCounts, newcombe_paired
from vega_eval.statistics.pooling import mean_difference, mean_paired_difference, pooled_rate
from vega_eval.statistics.unpaired import newcombe

from benches.statistics.figure import Figure

TRIALS = 20
LEVEL = 0.95
RATES = np.round(np.arange(0.02, 0.99, 0.02), 2)
FINE_RATES = np.linspace(0.0005, 0.9995, 1999)
COARSE_RATES = np.round(np.arange(0.05, 0.96, 0.1), 2)
ALIKE = (0.0, 0.4, 0.8)
"""Within a scene: 0 independent, 1 as alike as the rates of the two policies allow."""

TASKS = (
    ((0.5, 0.5), (0.5, 0.5), (0.5, 0.5), (0.5, 0.5)),
    ((0.65, 0.8), (0.7, 0.8), (0.8, 0.95), (0.25, 0.45)),
    ((0.05, 0.1), (0.35, 0.6), (0.65, 0.6), (0.95, 0.9)),
    ((0.9, 0.9), (0.9, 0.9), (0.9, 0.9), (0.9, 0.9)),
)
"""Rates of A and B at each of four tasks."""

ROUNDING = 1e-12

METHODS: dict[str, RateInterval] = {"clopper_pearson": clopper_pearson, "wilson": wilson}


def coverage(sessions: int, rng: np.random.Generator) -> Iterator[Figure]:
    """All figures of coverage, for 20 trials a policy and task.

    With Clopper-Pearson limits at least nominal is asked for everywhere. Wilson's are asked for it
    on average over rates, and Newcombe's differences from them are only reported.
    """
    for name, method in METHODS.items():
        exact = method is clopper_pearson
        yield from _of_rates(name, method, exact, sessions, rng)
        yield from _of_differences(f"newcombe_from_{name}", method, exact, sessions, rng)
        yield from _of_pairs(f"newcombe_paired_from_{name}", method, exact, sessions, rng)
    yield from _of_tasks(sessions, rng)


def _of_rates(
    name: str, method: RateInterval, exact: bool, sessions: int, rng: np.random.Generator
) -> Iterator[Figure]:
    counts = np.arange(TRIALS + 1)
    inside = _Inside([method(int(k), TRIALS, LEVEL) for k in counts])
    drawn = rng.binomial(TRIALS, RATES, size=(sessions, len(RATES)))
    simulated = [float(inside(rate)[drawn[:, i]].mean()) for i, rate in enumerate(RATES)]
    enumerated = [float(binom.pmf(counts, TRIALS, rate) @ inside(rate)) for rate in FINE_RATES]
    yield from _figures(name, simulated, enumerated, everywhere=exact, on_average=True)


def _of_differences(
    name: str, method: RateInterval, exact: bool, sessions: int, rng: np.random.Generator
) -> Iterator[Figure]:
    counts = np.arange(TRIALS + 1)
    tables = [Count(int(k), TRIALS) for k in counts]
    inside = _Inside([newcombe(a, b, LEVEL, method).interval for a in tables for b in tables])
    simulated, enumerated = [], []
    for p_a, p_b in product(COARSE_RATES, repeat=2):
        covered = inside(p_a - p_b).reshape(TRIALS + 1, TRIALS + 1)
        pmf_a, pmf_b = binom.pmf(counts, TRIALS, p_a), binom.pmf(counts, TRIALS, p_b)
        enumerated.append(float(pmf_a @ covered @ pmf_b))
        drawn = rng.binomial(TRIALS, (p_a, p_b), size=(sessions, 2))
        simulated.append(float(covered[drawn[:, 0], drawn[:, 1]].mean()))
    yield from _figures(name, simulated, enumerated, everywhere=exact, on_average=exact)


def _of_pairs(
    name: str, method: RateInterval, exact: bool, sessions: int, rng: np.random.Generator
) -> Iterator[Figure]:
    cells = [cell for cell in product(range(TRIALS + 1), repeat=3) if sum(cell) <= TRIALS]
    tables = np.array([(*cell, TRIALS - sum(cell)) for cell in cells])
    inside = _Inside([newcombe_paired(PairCounts(*t), LEVEL, method).interval for t in tables])
    index = np.zeros((TRIALS + 1,) * 3, int)
    index[tuple(tables[:, :3].T)] = np.arange(len(tables))
    simulated, enumerated = [], []
    for (p_a, p_b), alike in product(product(COARSE_RATES, repeat=2), ALIKE):
        probabilities = _pair_probabilities(p_a, p_b, alike)
        covered = inside(p_a - p_b)
        enumerated.append(float(multinomial.pmf(tables, TRIALS, probabilities) @ covered))
        drawn = rng.multinomial(TRIALS, probabilities, size=sessions)
        simulated.append(float(covered[index[tuple(drawn[:, :3].T)]].mean()))
    yield from _figures(name, simulated, enumerated, everywhere=exact, on_average=exact)


def _pair_probabilities(p_a: float, p_b: float, alike: float) -> NDArray[np.float64]:
    """Of both, only A, only B, neither."""
    both = p_a * p_b + alike * (min(p_a, p_b) - p_a * p_b)
    return np.array([both, p_a - both, p_b - both, 1 - p_a - p_b + both])


def _of_tasks(sessions: int, rng: np.random.Generator) -> Iterator[Figure]:
    """Rates pooled, and differences averaged, over four tasks."""
    rates, apart, paired = [], [], []
    for tasks in TASKS:
        rate = float(np.mean([p_a for p_a, _ in tasks]))
        difference = float(np.mean([p_a - p_b for p_a, p_b in tasks]))
        cells = [_pair_probabilities(p_a, p_b, ALIKE[1]) for p_a, p_b in tasks]
        drawn = np.stack([rng.multinomial(TRIALS, c, size=sessions) for c in cells], axis=1)
        pairs = [[PairCounts(*map(int, task)) for task in row] for row in drawn]
        pooled = [pooled_rate([task.a for task in row], LEVEL).interval for row in pairs]
        rates.append(float(_Inside(pooled)(rate).mean()))
        means = [mean_paired_difference(row, LEVEL, clopper_pearson).interval for row in pairs]
        paired.append(float(_Inside(means)(difference).mean()))
        sets = rng.binomial(TRIALS, tasks, size=(sessions, len(tasks), 2)).tolist()
        counts = [[(Count(a, TRIALS), Count(b, TRIALS)) for a, b in row] for row in sets]
        means = [mean_difference(row, LEVEL, clopper_pearson).interval for row in counts]
        apart.append(float(_Inside(means)(difference).mean()))
    yield Figure("coverage/pooled_rate/minimum_simulated", min(rates), LEVEL)
    yield Figure("coverage/mean_difference/minimum_simulated", min(apart), LEVEL)
    yield Figure("coverage/mean_paired_difference/minimum_simulated", min(paired), LEVEL)


class _Inside:
    """Which of some intervals a value is in, bool [intervals]."""

    def __init__(self, intervals: Sequence[Interval]) -> None:
        self._low = np.array([interval.low for interval in intervals]) - ROUNDING
        self._high = np.array([interval.high for interval in intervals]) + ROUNDING

    def __call__(self, value: float) -> NDArray[np.bool_]:
        return (self._low <= value) & (value <= self._high)


def _figures(
    name: str,
    simulated: Sequence[float],
    enumerated: Sequence[float],
    everywhere: bool,
    on_average: bool,
) -> Iterator[Figure]:
    least, least_mean = LEVEL if everywhere else None, LEVEL if on_average else None
    yield Figure(f"coverage/{name}/minimum_simulated", min(simulated), least)
    yield Figure(f"coverage/{name}/minimum_exact", min(enumerated), least)
    yield Figure(f"coverage/{name}/mean_simulated", float(np.mean(simulated)), least_mean)
    yield Figure(f"coverage/{name}/mean_exact", float(np.mean(enumerated)), least_mean)

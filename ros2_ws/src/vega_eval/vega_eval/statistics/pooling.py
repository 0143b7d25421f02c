"""Several tasks together, each a stratum of its own.

Differences are means over tasks, every task weighing the same however many of its trials were
valid. Their intervals add the squared distances of the tasks' own limits ("MOVER": Zou and Donner,
Statistics in Medicine 27 (2008) 1693; Newcombe's way for a difference). Of a single task they are
the task's own interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import hypot
from operator import add

import numpy as np
from scipy.stats import hypergeom

from vega_eval.statistics.counts import Count
from vega_eval.statistics.intervals import Estimate, Interval, RateInterval, clopper_pearson, wilson
from vega_eval.statistics.pairs import PairCounts, mcnemar_exact, newcombe_paired
from vega_eval.statistics.unpaired import newcombe

TIE = 1e-7
"""Totals whose probabilities differ by less, relatively, are equally likely, as in R."""


def pooled_rate(tasks: Sequence[Count], level: float = 0.95) -> Estimate:
    """Success rate of all trials together, with its Clopper-Pearson interval.

    Of the mean over tasks where all have as many trials; else a task weighs by its trials. The
    interval covers at least as often as the level says (0.5 or more) also where the tasks' rates
    differ: their sum then spreads less than a binomial of the mean rate (Hoeffding, "On the
    distribution of the number of successes in independent trials", 1956).

    Raises:
        ValueError: There are no tasks, all are without trials, or the level is not between 0 and 1.
    """
    together = Count(sum(t.successes for t in tasks), sum(t.trials for t in tasks))
    return Estimate(together.rate, clopper_pearson(together.successes, together.trials, level))


def mean_difference(
    tasks: Sequence[tuple[Count, Count]], level: float = 0.95, limits: RateInterval = wilson
) -> Estimate:
    """Mean over tasks of A's rate less B's, from separate sets, as `newcombe` has each task's.

    Raises:
        ValueError: There are no tasks, one has no trials, or the level is not between 0 and 1.
    """
    return _mean([newcombe(a, b, level, limits) for a, b in tasks])


def mean_paired_difference(
    tasks: Sequence[PairCounts], level: float = 0.95, limits: RateInterval = wilson
) -> Estimate:
    """Mean over tasks of A's rate less B's, from pairs, as `newcombe_paired` has each task's.

    Raises:
        ValueError: There are no tasks, one has no pairs, or the level is not between 0 and 1.
    """
    return _mean([newcombe_paired(task, level, limits) for task in tasks])


def _mean(estimates: Sequence[Estimate]) -> Estimate:
    if not estimates:
        raise ValueError("a mean over tasks needs at least 1 task: got none")
    value = sum(e.value for e in estimates) / len(estimates)
    down = hypot(*(e.value - e.interval.low for e in estimates)) / len(estimates)
    up = hypot(*(e.interval.high - e.value for e in estimates)) / len(estimates)
    return Estimate(value, Interval(value - down, value + up))


def pooled_mcnemar(tasks: Sequence[PairCounts]) -> float:
    """Two-sided p-value of the exact McNemar test on the pairs of all tasks together.

    Exact whatever the tasks' rates: if the policies are equally good at each, every discordant pair
    of any task is A's with probability 1/2. Stratification comes of itself.

    Raises:
        ValueError: There are no tasks.
    """
    if not tasks:
        raise ValueError("a pooled test needs at least 1 task: got none")
    return mcnemar_exact(reduce(add, tasks))


def mantel_haenszel_exact(tasks: Sequence[tuple[Count, Count]]) -> float:
    """Two-sided p-value of the exact conditional Mantel-Haenszel test on separate sets.

    Given how many of each task's trials succeeded, A's total has a sum of hypergeometric
    distributions if the policies are equally good at each task; p is the probability of totals that
    are no likelier than the one seen (R's mantelhaen.test(exact = TRUE); of one task it is
    Fisher's test).

    Raises:
        ValueError: There are no tasks.
    """
    if not tasks:
        raise ValueError("a pooled test needs at least 1 task: got none")
    both = [(a, b) for a, b in tasks if a.trials and b.trials]
    distribution = np.ones(1)
    for a, b in both:
        among = hypergeom(a.trials + b.trials, a.successes + b.successes, a.trials)
        distribution = np.convolve(distribution, among.pmf(np.arange(a.trials + 1)))
    seen = distribution[sum(a.successes for a, _ in both)]
    return float(min(distribution[distribution <= seen * (1.0 + TIE)].sum(), 1.0))

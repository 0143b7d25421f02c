"""Shows what the sequential test errs, finds and saves, looking after every pair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from vega_eval.statistics.boundary import decidable, random_walks
from vega_eval.statistics.resolution import mcnemar_power
from vega_eval.statistics.sequential import SequentialTest

from benches.statistics.figure import Figure

DISCORDANCES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
ALTERNATIVES = ((0.30, 0.0), (0.30, 0.05), (0.40, 0.05), (0.40, 0.10), (0.60, 0.10), (0.60, 0.02))
"""Probabilities that only A, and only B, does a scene."""


class Sessions(NamedTuple):
    """Simulated sessions: share with each decision, mean pairs until decided or undecidable."""

    a_better: float
    b_better: float
    mean_pairs: float


def simulate(
    test: SequentialTest, only_a: float, only_b: float, sessions: int, rng: np.random.Generator
) -> Sessions:
    """Runs sessions that look after every pair and stop as soon as they may."""
    tables = decidable(test.max_pairs, test.level)
    needed = [np.array([np.inf if n is None else n for n in test.boundary.early])] * test.max_pairs
    needed[-1] = np.array([np.inf if n is None else n for n in test.boundary.last])
    by_a, by_b = np.zeros(sessions, int), np.zeros(sessions, int)
    going = np.ones(sessions, bool)
    a_better = b_better = pairs = 0
    for n in range(test.max_pairs):
        going &= tables[n][by_a, by_b]
        pairs += int(going.sum())
        draw = rng.random(sessions)
        by_a += going & (draw < only_a)
        by_b += going & (only_a <= draw) & (draw < only_a + only_b)
        decided = going & (np.abs(by_a - by_b) >= needed[n][by_a + by_b])
        a_better += int((decided & (by_a > by_b)).sum())
        b_better += int((decided & (by_a < by_b)).sum())
        going &= ~decided
    return Sessions(a_better / sessions, b_better / sessions, pairs / sessions)


def sequential_error(sessions: int, rng: np.random.Generator) -> Iterator[Figure]:
    """How often equally good policies are called different, looking after every pair."""
    for max_pairs in (20, 50):
        test = SequentialTest(max_pairs)
        for discordance in DISCORDANCES:
            half = discordance / 2
            seen = simulate(test, half, half, sessions, rng)
            name = f"sequential/{max_pairs}_pairs/null_discordance_{discordance:g}"
            yield Figure(f"{name}/error", seen.a_better + seen.b_better, most=test.level)
            yield Figure(f"{name}/mean_pairs", seen.mean_pairs)
        inner = random_walks(max_pairs, test.level)
        worst = max(
            inner.boundary.spent[d - 1] + inner.beyond(d, lead)
            for d, lead in enumerate(inner.boundary.last)
            if lead is not None
        )
        yield Figure(f"sequential/{max_pairs}_pairs/largest_error_exact", worst, most=test.level)


def sequential_savings(sessions: int, rng: np.random.Generator) -> Iterator[Figure]:
    """Power and trials saved against the exact McNemar test after all pairs."""
    for max_pairs in (20, 50):
        test, saved = SequentialTest(max_pairs), []
        for only_a, only_b in ALTERNATIVES:
            seen = simulate(test, only_a, only_b, sessions, rng)
            name = f"sequential/{max_pairs}_pairs/only_a_{only_a:g}_only_b_{only_b:g}"
            fixed = mcnemar_power(only_a, only_b, max_pairs, test.level)
            saved.append(2 * (max_pairs - seen.mean_pairs))
            yield Figure(f"{name}/power", seen.a_better)
            yield Figure(f"{name}/power_exact", test.operating(only_a, only_b).a_better)
            yield Figure(f"{name}/power_of_mcnemar", fixed)
            yield Figure(f"{name}/trials_saved", saved[-1])
        yield Figure(f"sequential/{max_pairs}_pairs/mean_trials_saved", float(np.mean(saved)))

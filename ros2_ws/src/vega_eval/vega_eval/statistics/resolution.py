"""What a session can resolve, said before it starts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import ceil, comb, sqrt

import numpy as np
from scipy.stats import binom, norm

from vega_eval.statistics.counts import Count, fraction, probability, whole
from vega_eval.statistics.intervals import clopper_pearson
from vega_eval.statistics.pairs import PairCounts, mcnemar_exact
from vega_eval.statistics.sequential import MOST_PAIRS, SequentialTest
from vega_eval.statistics.unpaired import barnard

PLANNED = ((0.65, 0.95), (0.65, 0.80))
"""True success rates of two policies, of which it is said how well they are told apart."""


def smallest_resolvable(baseline: int, trials: int, level: float = 0.05) -> int | None:
    """Successes that the other policy needs to be better than the baseline's, p < level.

    For separate sets of as many trials each, by Barnard's test. None if no number suffices.

    Raises:
        ValueError: The counts are none, or the level is not between 0 and 1.
    """
    fraction("level", level)
    count = Count(baseline, trials)
    for successes in range(count.successes + 1, count.trials + 1):
        if barnard(Count(successes, trials), count) < level:
            return successes
    return None


def wins_needed(losses: int, pairs: int, level: float = 0.05) -> int | None:
    """Scenes that only one policy must do, if only the other does `losses`, for p < level.

    By the exact McNemar test. None if there are too few pairs for it.

    Raises:
        ValueError: A number is negative or not whole, or the level is not between 0 and 1.
    """
    fraction("level", level)
    return _wins_needed(whole("losses", losses), whole("pairs", pairs), level)


@lru_cache(maxsize=4096)
def _wins_needed(losses: int, pairs: int, level: float) -> int | None:
    for wins in range(losses + 1, pairs - losses + 1):
        if mcnemar_exact(PairCounts(0, wins, losses, 0)) < level:
            return wins
    return None


def mcnemar_power(only_a: float, only_b: float, pairs: int, level: float = 0.05) -> float:
    """Probability that the exact McNemar test after all pairs finds A better, p < level.

    Args:
        only_a: Probability that only A does a scene.
        only_b: Probability that only B does.
        pairs: Scenes.
        level: Of the two-sided test.

    Raises:
        ValueError: They are no probabilities, or sum up to more than 1; pairs is negative or no
            whole number; the level is not between 0 and 1.
    """
    fraction("level", level)
    probability("only_a", only_a)
    probability("only_b", only_b)
    discordance = probability("only_a + only_b", round(only_a + only_b, 12))
    if discordance == 0.0:
        return 0.0
    power = 0.0
    for losses in range(whole("pairs", pairs) // 2 + 1):
        wins = wins_needed(losses, pairs, level)
        if wins is not None:
            discordant = np.arange(wins + losses, pairs + 1)
            lost = binom.pmf(losses, discordant, only_b / discordance)
            power += float((binom.pmf(discordant, pairs, discordance) * lost).sum())
    return power


def trials_for_power(rate_a: float, rate_b: float, power: float = 0.8, level: float = 0.05) -> int:
    """Trials of each of two separate sets for this probability to find the difference.

    n = (z_(1 - level/2) sqrt(2 p q) + z_power sqrt(p_a q_a + p_b q_b))^2 / (p_a - p_b)^2, with p
    the mean rate, rounded up: the normal approximation with pooled variance under the null and no
    continuity correction (Fleiss, Statistical Methods for Rates and Proportions).

    Raises:
        ValueError: The rates are equal, or something is not between 0 and 1.
    """
    fraction("level", level)
    fraction("power", power)
    probability("rate_a", rate_a)
    probability("rate_b", rate_b)
    if rate_a == rate_b:
        raise ValueError(f"equal rates cannot be told apart: got {rate_a!r} twice")
    mean = (rate_a + rate_b) / 2
    null = norm.ppf(1 - level / 2) * sqrt(2 * mean * (1 - mean))
    alternative = norm.ppf(power) * sqrt(rate_a * (1 - rate_a) + rate_b * (1 - rate_b))
    return ceil(((null + alternative) / (rate_a - rate_b)) ** 2)


def resolution_sentences(trials: int, policies: int, level: float = 0.05) -> list[str]:
    """What a session prints before it starts, a sentence a line.

    Where there are more than two policies, each comparison gets its share of the level
    (Bonferroni), which Holm's adjustment never falls short of.

    Args:
        trials: Of each policy, all on the same scenes.
        policies: How many.
        level: Of all comparisons together.

    Raises:
        ValueError: There are no trials or no policies, or the level is not between 0 and 1.
    """
    if whole("trials", trials) < 1:
        raise ValueError("a session needs at least 1 trial a policy: got none")
    if whole("policies", policies) < 1:
        raise ValueError("a session needs at least 1 policy: got none")
    fraction("level", level)
    sentences = [_about_rate(trials)]
    comparisons = comb(policies, 2)
    if comparisons == 0:
        return sentences
    share = level / comparisons
    if comparisons > 1:
        sentences.append(
            f"{policies} policies are {comparisons} comparisons: each is made at p < {share:.3g} "
            f"({level:g} / {comparisons}), so that all together err at most {level:g} of the time."
        )
    return [
        *sentences,
        _about_pairs(trials, share),
        _about_sets(trials, share),
        *_about_power(trials, share),
        *_about_peeking(trials, share),
    ]


def _about_rate(trials: int) -> str:
    half = round(trials / 2)
    interval = clopper_pearson(half, trials)
    return (
        f"A policy's success rate: {half} of {trials} successes would mean "
        f"{interval.low:.0%} to {interval.high:.0%} (95% Clopper-Pearson interval)."
    )


def _about_pairs(pairs: int, level: float) -> str:
    needed = [(wins_needed(losses, pairs, level), losses) for losses in range(3)]
    found = [f"{wins}:{losses}" for wins, losses in needed if wins is not None]
    if not found:
        return (
            f"Scene by scene (exact McNemar): {pairs} scenes are too few; even a policy that wins "
            f"all of them is not shown to be better at p < {level:.3g}."
        )
    return (
        "Scene by scene (exact McNemar): the better policy must win "
        f"{', '.join(found)} of the scenes that only one of the two does, for p < {level:.3g}."
    )


def _about_sets(trials: int, level: float) -> str:
    parts = []
    for baseline in sorted({round(0.5 * trials), round(0.65 * trials)}):
        needed = smallest_resolvable(baseline, trials, level)
        other = "no result is enough" if needed is None else f"it takes {needed}"
        parts.append(f"against {baseline} of {trials} {other}")
    return f"As separate sets (Barnard): {', '.join(parts)}, for p < {level:.3g}."


def _about_power(trials: int, level: float) -> Iterator[str]:
    for low, high in PLANNED:
        # How alike two policies fare within a scene is not known yet: taken as independent.
        found = mcnemar_power(high * (1 - low), low * (1 - high), trials, level)
        takes = trials_for_power(low, high, 0.8, level)
        yield (
            f"True rates of {low:.0%} and {high:.0%} are told apart scene by scene with "
            f"probability {found:.2f}; with 0.80 as separate sets of about {takes} trials a policy."
        )


def _about_peeking(pairs: int, level: float) -> Iterator[str]:
    if pairs > MOST_PAIRS:
        return
    fewest = SequentialTest(pairs, level).fewest_pairs
    if fewest is not None:
        yield (
            f"With the sequential test the comparison may be looked at after every pair; it can "
            f"decide after {fewest} pairs at the earliest and errs at most {level:.3g} of the time."
        )

"""What the trials of an evaluation say: rates, and which differences are more than chance."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from vega_eval.report.evaluation import Evaluation, Part, Player
from vega_eval.statistics import (
    Count,
    Estimate,
    PairCounts,
    barnard,
    clopper_pearson,
    holm,
    letters,
    mantel_haenszel_exact,
    mcnemar_exact,
    mean_difference,
    mean_paired_difference,
    newcombe,
    newcombe_paired,
    pooled_mcnemar,
    probability_better,
)

ALPHA = 0.05


@dataclass(frozen=True)
class Sides:
    """Two policies at one task.

    Attributes:
        first: Successes of the one.
        second: Of the other.
        pairs: Their outcomes at the placements that they share; None where they share too few.
    """

    first: Count
    second: Count
    pairs: PairCounts | None


@dataclass(frozen=True)
class Comparison:
    """Whether one policy is better than another.

    Attributes:
        first: The one.
        second: The other.
        parts: At which tasks.
        sides: Their outcomes, task by task.
        test: Its name.
        difference: Of the rates, first less second; the mean over tasks.
        p: Two-sided.
        adjusted: The same by Holm, for all comparisons that stand in one table.
        better: Probability that the first has the higher rate; None over several tasks.
    """

    first: Player
    second: Player
    parts: tuple[Part, ...]
    sides: tuple[Sides, ...]
    test: str
    difference: Estimate
    p: float
    adjusted: float
    better: float | None

    @property
    def significant(self) -> bool:
        """Whether chance alone would rarely do this."""
        return self.adjusted < ALPHA


@dataclass(frozen=True)
class Block:
    """The tasks of one variant; never pooled with another.

    Attributes:
        variant: easy or hard.
        parts: Tasks.
        players: Policies that have played any of them.
        single: Comparisons at each task.
        pooled: Comparisons over all tasks that both have played; none where there is one task.
    """

    variant: str
    parts: tuple[Part, ...]
    players: tuple[Player, ...]
    single: tuple[Comparison, ...]
    pooled: tuple[Comparison, ...]

    def at(self, part: Part) -> tuple[Comparison, ...]:
        """The comparisons at one task."""
        return tuple(found for found in self.single if found.parts == (part,))

    def total(self, player: Player) -> Count:
        """A policy's successes at all tasks."""
        return summed(count(part, player) for part in self.parts)

    def letters(self, comparisons: Sequence[Comparison]) -> dict[str, str]:
        """Letters by identity: policies that share one cannot be told apart; none for two."""
        met = {p.identity for c in comparisons for p in (c.first, c.second)}
        if len(met) < 3:
            return {}
        parts = comparisons[0].parts

        def best_first(identity: str) -> float:
            player = next(p for p in self.players if p.identity == identity)
            return -sum(count(part, player).rate for part in parts if count(part, player).trials)

        different = {(c.first.identity, c.second.identity) for c in comparisons if c.significant}
        return letters(sorted(met, key=best_first), different)


def analyse(evaluation: Evaluation) -> tuple[Block, ...]:
    """One block a variant."""
    return tuple(
        _block(variant, evaluation.block(variant), evaluation.players)
        for variant in evaluation.variants
    )


def count(part: Part, player: Player) -> Count:
    """A policy's successes at a task."""
    trials = part.of(player)
    return Count(sum(trial.record.success for trial in trials), len(trials))


def summed(counts: Iterable[Count]) -> Count:
    """All together."""
    found = list(counts)
    return Count(sum(c.successes for c in found), sum(c.trials for c in found))


def estimate(counted: Count) -> Estimate:
    """A rate and its 95 % Clopper-Pearson interval; there must be trials."""
    return Estimate(counted.rate, clopper_pearson(counted.successes, counted.trials))


def _block(variant: str, parts: tuple[Part, ...], players: Sequence[Player]) -> Block:
    present = tuple(
        p
        for p in players
        if any(
            p.identity == s.player(a)
            for part in parts
            for s in part.sources
            for a in s.session.policies
        )
    )
    couples = list(itertools.combinations(present, 2))
    single = [found for part in parts for a, b in couples if (found := compare(a, b, [part]))]
    pooled = [found for a, b in couples if (found := compare(a, b, parts))]
    return Block(
        variant=variant,
        parts=parts,
        players=present,
        single=_adjusted(single),
        pooled=_adjusted(c for c in pooled if len(c.parts) > 1),
    )


def _adjusted(comparisons: Iterable[Comparison]) -> tuple[Comparison, ...]:
    found = list(comparisons)
    adjusted = holm([comparison.p for comparison in found])
    return tuple(replace(one, adjusted=p) for one, p in zip(found, adjusted))


def compare(first: Player, second: Player, parts: Sequence[Part]) -> Comparison | None:
    """Compares two policies at the tasks that both have played; None where there is none.

    Trials are paired where at every task the two share at least half of the placements that the
    one with fewer has played. What is not shared is then left out.
    """
    common = [part for part in parts if part.of(first) and part.of(second)]
    if not common:
        return None
    sides = [_sides(part, first, second) for part in common]
    pairs = [side.pairs for side in sides if side.pairs is not None]
    paired = len(pairs) == len(sides)
    if paired:
        counts = [(pair.a, pair.b) for pair in pairs]
        test, p, difference = _paired(pairs)
    else:
        counts = [(side.first, side.second) for side in sides]
        sides = [replace(side, pairs=None) for side in sides]
        test, p, difference = _unpaired(counts)
    return Comparison(
        first=first,
        second=second,
        parts=tuple(common),
        sides=tuple(sides),
        test=test,
        difference=difference,
        p=p,
        adjusted=p,
        better=probability_better(*counts[0]) if len(counts) == 1 else None,
    )


def _paired(pairs: Sequence[PairCounts]) -> tuple[str, float, Estimate]:
    if len(pairs) == 1:
        return "McNemar", mcnemar_exact(pairs[0]), newcombe_paired(pairs[0])
    return "McNemar, pooled", pooled_mcnemar(pairs), mean_paired_difference(pairs)


def _unpaired(counts: Sequence[tuple[Count, Count]]) -> tuple[str, float, Estimate]:
    if len(counts) == 1:
        return "Barnard", barnard(*counts[0]), newcombe(*counts[0])
    return "Mantel-Haenszel", mantel_haenszel_exact(counts), mean_difference(counts)


def _sides(part: Part, first: Player, second: Player) -> Sides:
    mine, other = part.at(first), part.at(second)
    shared = [scene for scene in mine if scene in other]
    pairs = None
    if 2 * len(shared) >= min(len(mine), len(other)):
        pairs = PairCounts.of((mine[s].record.success, other[s].record.success) for s in shared)
    return Sides(count(part, first), count(part, second), pairs)

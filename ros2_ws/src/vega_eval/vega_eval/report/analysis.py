"""What the trials of an evaluation say: rates, which differences are more than chance, and how each
session's sequential test went.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from vega_eval.report.evaluation import Evaluation, PolicyEntry, TaskTrials
from vega_eval.report.reading import Source
from vega_eval.statistics import (
    Count,
    Decision,
    Estimate,
    PairCounts,
    SequentialState,
    SequentialTest,
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
from vega_eval.statistics.sequential import MOST_PAIRS

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

    first: PolicyEntry
    second: PolicyEntry
    parts: tuple[TaskTrials, ...]
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
class VariantAnalysis:
    """The tasks of one variant; never pooled with another.

    Attributes:
        variant: easy or hard.
        parts: Tasks.
        policies: Policies that have played any of them.
        single: Comparisons at each task.
        pooled: Comparisons over all tasks that both have played; none where there is one task.
    """

    variant: str
    parts: tuple[TaskTrials, ...]
    policies: tuple[PolicyEntry, ...]
    single: tuple[Comparison, ...]
    pooled: tuple[Comparison, ...]

    def at(self, part: TaskTrials) -> tuple[Comparison, ...]:
        """The comparisons at one task."""
        return tuple(found for found in self.single if found.parts == (part,))

    def total(self, policy: PolicyEntry) -> Count:
        """A policy's successes at all tasks."""
        return summed(count(part, policy) for part in self.parts)

    def letters(self, comparisons: Sequence[Comparison]) -> dict[str, str]:
        """Letters by policy_id: policies that share one cannot be told apart; none for two."""
        met = {p.policy_id for c in comparisons for p in (c.first, c.second)}
        if len(met) < 3:
            return {}
        parts = comparisons[0].parts

        def best_first(policy_id: str) -> float:
            policy = next(p for p in self.policies if p.policy_id == policy_id)
            return -sum(count(part, policy).rate for part in parts if count(part, policy).trials)

        different = {(c.first.policy_id, c.second.policy_id) for c in comparisons if c.significant}
        return letters(sorted(met, key=best_first), different)


def analyse(evaluation: Evaluation) -> tuple[VariantAnalysis, ...]:
    """One block a variant."""
    return tuple(
        _block(variant, evaluation.block(variant), evaluation.policies)
        for variant in evaluation.variants
    )


def count(part: TaskTrials, policy: PolicyEntry) -> Count:
    """A policy's successes at a task."""
    trials = part.of(policy)
    return Count(sum(trial.record.success for trial in trials), len(trials))


def summed(counts: Iterable[Count]) -> Count:
    """All together."""
    found = list(counts)
    return Count(sum(c.successes for c in found), sum(c.trials for c in found))


def estimate(counted: Count) -> Estimate:
    """A rate and its 95 % Clopper-Pearson interval; there must be trials."""
    return Estimate(counted.rate, clopper_pearson(counted.successes, counted.trials))


def _block(
    variant: str, parts: tuple[TaskTrials, ...], policies: Sequence[PolicyEntry]
) -> VariantAnalysis:
    present = tuple(
        p
        for p in policies
        if any(
            p.policy_id == s.policy_id(a)
            for part in parts
            for s in part.sources
            for a in s.session.policies
        )
    )
    couples = list(itertools.combinations(present, 2))
    single = [found for part in parts for a, b in couples if (found := compare(a, b, [part]))]
    pooled = [found for a, b in couples if (found := compare(a, b, parts))]
    return VariantAnalysis(
        variant=variant,
        parts=parts,
        policies=present,
        single=_adjusted(single),
        pooled=_adjusted(c for c in pooled if len(c.parts) > 1),
    )


def _adjusted(comparisons: Iterable[Comparison]) -> tuple[Comparison, ...]:
    found = list(comparisons)
    adjusted = holm([comparison.p for comparison in found])
    return tuple(replace(one, adjusted=p) for one, p in zip(found, adjusted))


def compare(
    first: PolicyEntry, second: PolicyEntry, parts: Sequence[TaskTrials]
) -> Comparison | None:
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


def _sides(part: TaskTrials, first: PolicyEntry, second: PolicyEntry) -> Sides:
    mine, other = part.at(first), part.at(second)
    shared = [scene for scene in mine if scene in other]
    pairs = None
    if 2 * len(shared) >= min(len(mine), len(other)):
        pairs = PairCounts.of((mine[s].record.success, other[s].record.success) for s in shared)
    return Sides(count(part, first), count(part, second), pairs)


@dataclass(frozen=True)
class SequentialTrace:
    """Two policies of a session, pair by pair.

    Attributes:
        source: The session.
        first: A of the test.
        second: B of it.
        outcomes: Of both, in the order in which the pairs were played.
        test: Planned for as many pairs as the session has placements.
        decision: What it says now.
    """

    source: Source
    first: PolicyEntry
    second: PolicyEntry
    outcomes: tuple[tuple[bool, bool], ...]
    test: SequentialTest
    decision: Decision

    @property
    def text(self) -> str:
        """What the test says, for people."""
        found = self.decision
        state = {
            SequentialState.A_BETTER: f"{self.first.name} is better, decided after {found.pairs}",
            SequentialState.B_BETTER: f"{self.second.name} is better, decided after {found.pairs}",
            SequentialState.CONTINUE: f"open after {found.pairs}",
            SequentialState.NO_DECISION: f"no decision after {found.pairs}",
        }[found.state]
        return f"{state} of {self.test.max_pairs} pairs"


def sequential_traces(evaluation: Evaluation) -> Iterator[SequentialTrace]:
    """One for each two policies of each session that has pairs."""
    by_id = {policy.policy_id: policy for policy in evaluation.policies}
    for source in evaluation.sources:
        session = source.session
        if not 1 <= session.trials_each <= MOST_PAIRS:
            continue
        test = SequentialTest(session.trials_each)
        named = sorted(session.policies, key=lambda a: by_id[source.policy_id(a)].name)
        for pair in itertools.combinations(named, 2):
            rows = source.status.rows(pair)
            outcomes = tuple((first.success, second.success) for first, second in rows)
            if outcomes:
                first, second = (by_id[source.policy_id(letter)] for letter in pair)
                yield SequentialTrace(source, first, second, outcomes, test, test.decide(outcomes))

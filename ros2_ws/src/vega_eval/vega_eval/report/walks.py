"""The sequential test of each session: how its pairs went, and when they would have decided."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from vega_eval.report.evaluation import Evaluation, Player
from vega_eval.report.reading import Source
from vega_eval.statistics import Decision, SequentialState, SequentialTest
from vega_eval.statistics.sequential import MOST_PAIRS


@dataclass(frozen=True)
class Walk:
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
    first: Player
    second: Player
    outcomes: tuple[tuple[bool, bool], ...]
    test: SequentialTest
    decision: Decision

    @property
    def words(self) -> str:
        """What the test says, for people."""
        found = self.decision
        state = {
            SequentialState.A_BETTER: f"{self.first.name} is better, decided after {found.pairs}",
            SequentialState.B_BETTER: f"{self.second.name} is better, decided after {found.pairs}",
            SequentialState.CONTINUE: f"open after {found.pairs}",
            SequentialState.NO_DECISION: f"no decision after {found.pairs}",
        }[found.state]
        return f"{state} of {self.test.max_pairs} pairs"


def walks(evaluation: Evaluation) -> Iterator[Walk]:
    """One for each two policies of each session that has pairs."""
    by_identity = {player.identity: player for player in evaluation.players}
    for source in evaluation.sources:
        session = source.session
        if not 1 <= session.trials_each <= MOST_PAIRS:
            continue
        test = SequentialTest(session.trials_each)
        named = sorted(session.policies, key=lambda a: by_identity[source.player(a)].name)
        for letters in itertools.combinations(named, 2):
            rows = source.standing.rows(letters)
            outcomes = tuple((first.success, second.success) for first, second in rows)
            if outcomes:
                first, second = (by_identity[source.player(letter)] for letter in letters)
                yield Walk(source, first, second, outcomes, test, test.decide(outcomes))

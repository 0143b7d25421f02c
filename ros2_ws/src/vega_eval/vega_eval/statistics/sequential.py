"""A comparison of two policies on the same scenes that may be looked at after every pair.

    test = SequentialTest(max_pairs=20)
    test.decide(outcomes).state     # after every pair, as often as wanted

The probability to call either policy better although they are equally good is at most the level
however often is looked and whatever the rates are: see `boundary` for how. The session may also be
stopped for any other reason; then there is no decision.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from vega_eval.statistics.boundary import Boundary, RandomWalks, decidable, random_walks, reached
from vega_eval.statistics.counts import fraction, probability, whole

MOST_PAIRS = 500
"""The tables grow with the third power of the number of pairs."""


class SequentialState(str, enum.Enum):
    """What the pairs so far say."""

    CONTINUE = "continue"
    A_BETTER = "A better"
    B_BETTER = "B better"
    NO_DECISION = "no decision"


@dataclass(frozen=True)
class Decision:
    """What is known after some pairs.

    Attributes:
        state: NO_DECISION after the last pair, or as soon as no outcome of the remaining pairs can
            decide (it is allowed to go on all the same).
        pairs: How many count: those up to the decision, else all.
        discordant: Those of them of which only one policy succeeded.
        lead: Of A: pairs that only A won less those that only B won.
        needed: Lead of either policy that decides now; None if none does at so few discordant.
        spent_error: Probability, under the null, of a decision by now.
        p_value: Of a decision, or after the last pair; None before. Earlier is more extreme, then
            the larger lead ("stagewise ordering"), so that p <= level where there is a decision.
    """

    state: SequentialState
    pairs: int
    discordant: int
    lead: int
    needed: int | None
    spent_error: float
    p_value: float | None


@dataclass(frozen=True)
class Operating:
    """How sessions go at given true rates, exactly.

    Attributes:
        a_better, b_better: Probability of each decision.
        mean_pairs: Until a decision, or until none can be reached any more.
        mean_pairs_to_decision: Where it is gone on to the last pair when none can be reached.
    """

    a_better: float
    b_better: float
    mean_pairs: float
    mean_pairs_to_decision: float


@dataclass(frozen=True)
class SequentialTest:
    """The two-sided sequential test of pairs.

    Attributes:
        max_pairs: The most pairs that the session has; fixed before it starts.
        level: The most that the test errs if the policies are equally good.

    Raises:
        ValueError: max_pairs is not from 1 to 500, or the level not between 0 and 1.
    """

    max_pairs: int
    level: float = 0.05

    def __post_init__(self) -> None:
        object.__setattr__(self, "max_pairs", whole("max_pairs", self.max_pairs))
        fraction("level", self.level)
        if not 1 <= self.max_pairs <= MOST_PAIRS:
            raise ValueError(f"max_pairs must be from 1 to {MOST_PAIRS}: got {self.max_pairs}")

    @property
    def boundary(self) -> Boundary:
        """Leads that decide, by the number of discordant pairs."""
        return self._walks.boundary

    @property
    def fewest_pairs(self) -> int | None:
        """After how many pairs a decision is possible at all; None if never."""
        early = [d for d, lead in enumerate(self.boundary.early) if lead is not None]
        late = self.max_pairs if any(lead is not None for lead in self.boundary.last) else None
        return early[0] if early else late

    def decide(self, outcomes: Iterable[tuple[bool, bool]]) -> Decision:
        """What the pairs so far say.

        Args:
            outcomes: Whether A and whether B succeeded, for each pair, in the order in which they
                were run. The first decision stands: pairs after it change nothing.

        Raises:
            ValueError: There are more pairs than max_pairs, or one is not of two outcomes.
        """
        won = [_difference(outcome) for outcome in outcomes]
        if len(won) > self.max_pairs:
            raise ValueError(f"the test is for at most {self.max_pairs} pairs: got {len(won)}")
        lead = discordant = 0
        for pairs, step in enumerate(won, start=1):
            lead, discordant = lead + step, discordant + abs(step)
            needed = self._leads(pairs)[discordant]
            if needed is not None and abs(lead) >= needed:
                return self._decision(pairs, discordant, lead)
        return self._decision(len(won), discordant, lead)

    def _decision(self, pairs: int, discordant: int, lead: int) -> Decision:
        needed = self._leads(pairs)[discordant]
        state = self._state(pairs, discordant, lead, needed)
        at_end = pairs == self.max_pairs
        spent, p_value = self.boundary.spent[discordant], None
        if at_end:
            before = self.boundary.spent[max(discordant - 1, 0)]
            spent = before + (self._walks.beyond(discordant, needed) if needed is not None else 0.0)
            p_value = min(before + self._walks.beyond(discordant, abs(lead)), 1.0)
        elif state in (SequentialState.A_BETTER, SequentialState.B_BETTER):
            p_value = spent
        return Decision(state, pairs, discordant, lead, needed, spent, p_value)

    def _state(self, pairs: int, discordant: int, lead: int, needed: int | None) -> SequentialState:
        if needed is not None and abs(lead) >= needed:
            return SequentialState.A_BETTER if lead > 0 else SequentialState.B_BETTER
        by_a, by_b = (discordant + lead) // 2, (discordant - lead) // 2
        open_still = decidable(self.max_pairs, self.level)[pairs][by_a, by_b]
        return SequentialState.CONTINUE if open_still else SequentialState.NO_DECISION

    def operating(self, only_a: float, only_b: float) -> Operating:
        """How sessions go where a pair is won by A alone, and by B alone, this often.

        Raises:
            ValueError: They are no probabilities, or sum up to more than 1.
        """
        probability("only_a", only_a)
        probability("only_b", only_b)
        tied = probability("1 - only_a - only_b", round(1.0 - only_a - only_b, 12))
        tables = decidable(self.max_pairs, self.level)
        here = np.ones((1, 1))
        a_better = b_better = mean_pairs = mean_to_decision = 0.0
        for pairs in range(1, self.max_pairs + 1):
            mean_pairs += float(here[tables[pairs - 1]].sum())
            mean_to_decision += float(here.sum())
            after = np.zeros((pairs + 1, pairs + 1))
            after[:-1, :-1] += tied * here
            after[1:, :-1] += only_a * here
            after[:-1, 1:] += only_b * here
            stop = reached(self._leads(pairs), pairs)
            a_better += float(np.tril(after * stop).sum())
            b_better += float(np.triu(after * stop).sum())
            here = np.where(stop, 0.0, after)
        return Operating(a_better, b_better, mean_pairs, mean_to_decision)

    def _leads(self, pairs: int) -> tuple[int | None, ...]:
        return self.boundary.last if pairs == self.max_pairs else self.boundary.early

    @property
    def _walks(self) -> RandomWalks:
        return random_walks(self.max_pairs, self.level)


def _difference(outcome: tuple[bool, bool]) -> int:
    try:
        a, b = outcome
    except (TypeError, ValueError):
        raise ValueError(f"a pair is the outcome of A and that of B: got {outcome!r}") from None
    if a not in (True, False) or b not in (True, False):
        raise ValueError(f"an outcome of a pair is True or False: got {outcome!r}")
    return int(a) - int(b)

"""What may be said in a sentence: who is better, or that nobody can tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vega_eval.report.analysis import Block, Comparison
from vega_eval.report.results import p_value, told, totals
from vega_eval.report.walks import Walk
from vega_eval.statistics import SequentialState


class Verdict(NamedTuple):
    """What a comparison comes to.

    Attributes:
        found: Whether one policy is better.
        words: Which, or that they cannot be told apart.
        figures: By which figures.
    """

    found: bool
    words: str
    figures: str

    def __str__(self) -> str:
        return f"{self.words} ({self.figures})"


def verdicts(block: Block, walks: Sequence[Walk]) -> Iterator[Verdict]:
    """One for each two policies: over all tasks, or at the one task that there is.

    Of a session that ended, or stands, before its last pair the sequential test decides: the others
    hold only for a number of trials that was fixed before.
    """
    for found in block.pooled or block.single:
        walk = _to_go_by(found, walks)
        yield _verdict(found, block, *(_by_walk(walk) if walk else _by_test(found)))


def _to_go_by(found: Comparison, walks: Sequence[Walk]) -> Walk | None:
    sources = [source for part in found.parts for source in part.sources]
    if len(sources) != 1 or not sources[0].standing.missing:
        return None
    both = {found.first.identity, found.second.identity}
    mine = (walk for walk in walks if walk.source.session.id == sources[0].session.id)
    return next((w for w in mine if {w.first.identity, w.second.identity} == both), None)


def _by_walk(walk: Walk) -> tuple[str, str]:
    decision = walk.decision
    better = {SequentialState.A_BETTER: walk.first.name, SequentialState.B_BETTER: walk.second.name}
    pairs = f"sequential test after {decision.pairs} of {walk.test.max_pairs} pairs"
    known = "" if decision.p_value is None else f", {_equals(decision.p_value)}"
    return better.get(decision.state, ""), pairs + known


def _by_test(found: Comparison) -> tuple[str, str]:
    ahead = found.first if found.difference.value > 0 else found.second
    return ahead.name if found.significant else "", _equals(found.adjusted)


def _verdict(found: Comparison, block: Block, better: str, how: str) -> Verdict:
    first, second = totals(found)
    ahead, behind = (found.first.name, first), (found.second.name, second)
    if better == behind[0] or (not better and found.difference.value < 0):
        ahead, behind = behind, ahead
    where = _where(found, block)
    words = (
        f"{ahead[0]} is better than {behind[0]} {where}"
        if better
        else f"{ahead[0]} and {behind[0]} cannot be told apart {where}"
    )
    return Verdict(bool(better), words, f"{told(ahead[1])} against {told(behind[1])}, {how}")


def _equals(p: float) -> str:
    shown = p_value(p)
    return f"p {shown}" if shown.startswith("<") else f"p = {shown}"


def _where(found: Comparison, block: Block) -> str:
    if len(found.parts) == 1:
        return f"at {found.parts[0].title}"
    return f"over {len(found.parts)} tasks ({block.variant})"

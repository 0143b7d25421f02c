"""Several comparisons at once: over tasks, or between more than two policies."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vega_eval.statistics.counts import probability


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the given order (Holm 1979).

    Where those below the level are called significant, the probability of any false call is at
    most the level, whatever depends on what.

    Raises:
        ValueError: One of them is not from 0 to 1.
    """
    for p in p_values:
        probability("a p-value", p)
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def letters(names: Sequence[str], significant: Collection[tuple[str, str]]) -> dict[str, str]:
    """Compact letter display: two policies share a letter unless they differ significantly.

    By inserting and absorbing (Piepho 2004). Letters go by the order of the names: give the best
    policy first.

    Args:
        names: Of the policies, each once, at most 26.
        significant: Pairs of names that differ, in any order.

    Raises:
        ValueError: A name comes twice, or a pair is not of two of the names, or the letters of the
            alphabet do not suffice.
    """
    if len(set(names)) != len(names):
        raise ValueError(f"each policy must be named once: got {', '.join(names)}")
    groups = [frozenset(names)] if names else []
    for one, other in significant:
        if one == other or not {one, other} <= set(names):
            raise ValueError(
                f"a pair must be of two of {', '.join(names)}: got {one!r} and {other!r}"
            )
        groups = _split(groups, one, other)
    if len(groups) > 26:
        raise ValueError(f"26 letters do not suffice for {len(groups)} groups of policies")
    groups.sort(key=lambda group: [name not in group for name in names])
    return {
        name: "".join(chr(ord("a") + i) for i, group in enumerate(groups) if name in group)
        for name in names
    }


def _split(groups: list[frozenset[str]], one: str, other: str) -> list[frozenset[str]]:
    """Groups in which the two no longer come together, none within another."""
    parts: set[frozenset[str]] = set()
    for group in groups:
        parts |= {group - {one}, group - {other}} if {one, other} <= group else {group}
    return [group for group in parts if not any(group < larger for larger in parts)]

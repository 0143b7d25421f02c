"""How each trial went: placements by policies, and where on the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple

from vega_eval.report.drawing.canvas import (
    BAD,
    FAINT,
    GOOD,
    HALF,
    INK,
    LINE,
    name,
    path,
    picture,
    rect,
    text,
)
from vega_eval.trials.record import Outcome

_CELL, _LEFT, _TOP, _BAND = 24, 146, 16, 20
_GRID = 46, 34
Cell = tuple[int, int]


class Mark(NamedTuple):
    """One trial in the grid."""

    outcome: Outcome
    title: str


def grid(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Mark | None]]]) -> str:
    """Policies below each other, placements side by side; bands of twenty."""
    parts: list[str] = []
    top = 0.0
    for start in range(0, len(columns), _BAND):
        band = columns[start : start + _BAND]
        for number, column in enumerate(band):
            parts.append(text(_left(number) + _CELL / 2, top + 11, column, "middle", "faint"))
        for row, (who, marks) in enumerate(rows):
            y = top + _TOP + _CELL * row
            parts.append(name(_LEFT - 8, y + 16, who, 21))
            for number, mark in enumerate(marks[start : start + _BAND]):
                parts.append(_mark(_left(number), y, mark))
        top += _TOP + _CELL * len(rows) + 8
    width = _LEFT + _CELL * min(len(columns), _BAND) + 2
    return picture(max(width, 320), top, "outcome of each trial by placement", parts)


def key() -> Iterator[tuple[str, str]]:
    """Each mark and what it means."""
    marks = {Outcome.SUCCESS: "success", Outcome.PARTIAL: "partial", Outcome.FAIL: "fail"}
    for outcome, word in marks.items():
        yield picture(_CELL, _CELL, word, [_mark(0, 0, Mark(outcome, word))]), word
    yield picture(_CELL, _CELL, "not played", [_mark(0, 0, None)]), "not played"


def _left(number: int) -> float:
    return _LEFT + _CELL * number


def _mark(x: float, y: float, mark: Mark | None) -> str:
    inner = _CELL - 3.0
    if mark is None:
        return rect(x, y, inner, inner, "none", f' stroke="{FAINT}" stroke-dasharray="2 2"')
    thick = ' stroke-width="2.2"'
    if mark.outcome is Outcome.SUCCESS:
        tick = [(x + 5, y + 11), (x + 9, y + 15.5), (x + 16, y + 6)]
        shape = rect(x, y, inner, inner, GOOD) + path(tick, "#fff", thick)
    elif mark.outcome is Outcome.PARTIAL:
        half = f'<polygon points="{x},{y + inner} {x + inner},{y + inner} {x + inner},{y}" '
        shape = rect(x, y, inner, inner, "#fff", f' stroke="{FAINT}"') + f'{half}fill="{HALF}"/>'
    else:
        shape = rect(x, y, inner, inner, "#fff", f' stroke="{BAD}"')
        shape += path([(x + 6, y + 6), (x + 15, y + 15)], BAD, thick)
        shape += path([(x + 15, y + 6), (x + 6, y + 15)], BAD, thick)
    return f"<g><title>{escape(mark.title)}</title>{shape}</g>"


def heat(size: Cell, counts: Mapping[Cell, tuple[int, int]], label: str) -> str:
    """Successes by cell of the task's grid as the robot sees it: row 1, nearest to it, is below."""
    rows, columns = size
    wide, tall = _GRID
    parts = []
    for row in range(1, rows + 1):
        y = tall * (rows - row)
        parts.append(text(14, y + tall / 2 + 4, str(row), "middle", "faint"))
        for column in range(1, columns + 1):
            x = 24 + wide * (column - 1)
            parts.append(_heat_cell(x, y, counts.get((row, column))))
    for column in range(1, columns + 1):
        parts.append(text(24 + wide * (column - 0.5), tall * rows + 14, str(column), "middle"))
    return picture(24 + wide * columns + 2, tall * rows + 18, label, parts)


def _heat_cell(x: float, y: float, count: tuple[int, int] | None) -> str:
    wide, tall = _GRID
    if count is None:
        return rect(x, y, wide - 2, tall - 2, "none", f' stroke="{LINE}" stroke-dasharray="2 2"')
    successes, trials = count
    rate = successes / trials
    fill, ink = _shade(rate), "#fff" if rate > 0.55 else INK
    return (
        rect(x, y, wide - 2, tall - 2, fill, f' stroke="{LINE}"')
        + f'<text x="{x + wide / 2 - 1:.1f}" y="{y + tall / 2 + 3:.1f}" text-anchor="middle" '
        + f'style="fill:{ink}">{successes}/{trials}</text>'
    )


def _shade(rate: float) -> str:
    """From white to a dark green: darker is better, in grey as well."""
    light, dark = (255, 255, 255), (18, 92, 54)
    return "#" + "".join(f"{round(a + (b - a) * rate):02x}" for a, b in zip(light, dark))

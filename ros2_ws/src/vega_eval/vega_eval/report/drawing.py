"""Charts as SVG; each also reads in grey, and says in words what it shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple

from markupsafe import Markup

from vega_core.svg import COLOURS, clipped_text, document, line, polyline, rect, text
from vega_eval.trials.record import TrialOutcome

INK, FAINT, LINE, FIELD = "#20262e", "#68717c", "#c9ced5", "#f1f3f5"
GOOD, HALF, BAD = "#1a7f4b", "#e3b341", "#b3261e"


def policy_colour(number: int) -> str:
    """Of a policy, by its place; told apart by the colour-blind as well."""
    return COLOURS[number % len(COLOURS)]


_BAR_WIDTH, _BAR_LEFT, _BAR_RIGHT, _BAR_ROW, _BAR_TOP, _BAR_FOOT = 380, 150, 46, 24, 6, 20
_NAME_LETTERS = 21


class Bar(NamedTuple):
    """One rate.

    Attributes:
        name: Whose.
        rate: 0 to 1.
        low: Of the interval.
        high: Of the interval.
        label: As words, at the right.
        colour: Of the bar.
        paper: Drawn hollow: it is the paper's figure.
    """

    name: str
    rate: float
    low: float
    high: float
    label: str
    colour: str
    paper: bool = False


def bars(rows: Sequence[Bar], label: str) -> Markup:
    """Rates from 0 to 1 with their intervals."""
    height = _BAR_TOP + _BAR_ROW * len(rows) + _BAR_FOOT
    foot = height - _BAR_FOOT
    parts = [rect(_BAR_LEFT, _BAR_TOP, _BAR_WIDTH - _BAR_LEFT - _BAR_RIGHT, foot - _BAR_TOP, FIELD)]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(line(_x(tick), _BAR_TOP, _x(tick), foot, "#fff"))
        parts.append(text(_x(tick), height - 6, f"{tick:g}", "middle", "faint"))
    for number, bar in enumerate(rows):
        parts.append(_bar(bar, _BAR_TOP + _BAR_ROW * (number + 0.5)))
    return document(_BAR_WIDTH, height, label, parts)


def _bar(bar: Bar, y: float) -> str:
    low, high, middle = _x(bar.low), _x(bar.high), _x(bar.rate)
    style = ' stroke-width="1.5" stroke-dasharray="3 2"' if bar.paper else ' stroke-width="5"'
    stroke = FAINT if bar.paper else bar.colour
    fill = "#fff" if bar.paper else bar.colour
    style_class = "faint" if bar.paper else ""
    return (
        clipped_text(_BAR_LEFT - 8, y + 4, bar.name, _NAME_LETTERS, style=style_class)
        + line(low, y, high, y, stroke, f'{style} stroke-opacity="{1 if bar.paper else 0.45}"')
        + line(low, y - 4, low, y + 4, stroke)
        + line(high, y - 4, high, y + 4, stroke)
        + f'<circle cx="{middle:.1f}" cy="{y:.1f}" r="4.5" fill="{fill}" stroke="{stroke}" '
        + 'stroke-width="1.5"/>'
        + text(_BAR_WIDTH - _BAR_RIGHT + 8, y + 4, bar.label, "start", style_class)
    )


def _x(rate: float) -> float:
    return _BAR_LEFT + (_BAR_WIDTH - _BAR_LEFT - _BAR_RIGHT) * rate


class Share(NamedTuple):
    """A piece of a stacked bar."""

    word: str
    number: int
    fill: str
    ink: str


def stacked(rows: Sequence[tuple[str, Sequence[Share]]], label: str) -> Markup:
    """What became of each policy's trials, as pieces of a bar as long as they are many."""
    most = max((sum(share.number for share in shares) for _, shares in rows), default=0)
    width, left = 440, _BAR_LEFT
    height = _BAR_ROW * len(rows) + 4
    parts = []
    for number, (who, shares) in enumerate(rows):
        y, x = _BAR_ROW * number + 2.0, float(left)
        parts.append(clipped_text(left - 8, y + 15, who, _NAME_LETTERS))
        for share in shares:
            wide = (width - left) * share.number / max(most, 1)
            shown = f"{share.word} {share.number}"
            parts.append(
                f"<g><title>{escape(shown)}</title>"
                + rect(x, y, wide, _BAR_ROW - 4, share.fill, f' stroke="{LINE}"')
            )
            fits = shown if wide > 7.0 * len(shown) else str(share.number)
            if wide > 7.0 * len(fits):
                parts.append(
                    f'<text x="{x + wide / 2:.1f}" y="{y + 14:.1f}" text-anchor="middle" '
                    f'style="fill:{share.ink}">{escape(fits)}</text>'
                )
            parts.append("</g>")
            x += wide
    return document(width, height, label, parts)


_TRACE_WIDTH, _TRACE_HEIGHT, _TRACE_LEFT, _TRACE_TOP, _TRACE_FOOT = 380, 220, 34, 4, 32
_TRACE_TALL = _TRACE_HEIGHT - _TRACE_TOP - _TRACE_FOOT
_STOPS = f' stroke="{INK}" stroke-width="2"'
_DECIDES = f' stroke="{FAINT}" stroke-width="1.2" stroke-dasharray="4 3"'
Leads = Sequence[int | None]
Outcomes = Sequence[tuple[bool, bool]]


def boundary(early: Leads, last: Leads, sessions: Sequence[Outcomes], label: str) -> Markup:
    """Leads of one policy over another, over discordant pairs, and the leads that decide.

    Args:
        early: Lead that stops a session, by the number of discordant pairs.
        last: Lead that decides after the last pair.
        sessions: Outcomes pair by pair, for each two policies; in the colours of their places.
        label: What it shows.
    """
    traces = [_leads(outcomes) for outcomes in sessions]
    known = [lead for lead in (*early, *last) if lead is not None]
    high = max([*known, *(abs(lead) for trace in traces for lead in trace), 2]) + 1
    plot = _Plot(len(early) - 1, high)
    parts = [
        rect(_TRACE_LEFT, _TRACE_TOP, _TRACE_WIDTH - _TRACE_LEFT, _TRACE_TALL, FIELD),
        line(_TRACE_LEFT, plot.y(0), _TRACE_WIDTH, plot.y(0), LINE),
        *_trace_axes(plot),
    ]
    for side in (1, -1):
        parts += plot.steps(last, side, _DECIDES)
        parts += plot.steps(early, side, _STOPS)
    parts += [_trace(plot, leads, number) for number, leads in enumerate(traces)]
    return document(_TRACE_WIDTH, _TRACE_HEIGHT, label, parts)


def _trace(plot: _Plot, leads: list[int], number: int) -> str:
    # Traces that run over each other stay visible.
    aside = 2.0 * number
    points = [(plot.x(d), plot.y(lead) + aside) for d, lead in enumerate(leads)]
    x, y = points[-1]
    # The number tells traces apart where there is no colour.
    return (
        polyline(points, policy_colour(number), ' stroke-width="2.2" stroke-linejoin="round"')
        + f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="{policy_colour(number)}"/>'
        + f'<text x="{x:.1f}" y="{y + 3.5:.1f}" text-anchor="middle" '
        + f'style="fill:#fff;font-size:10px;font-weight:600">{number + 1}</text>'
    )


def _leads(outcomes: Outcomes) -> list[int]:
    leads = [0]
    for first, second in outcomes:
        if first != second:
            leads.append(leads[-1] + (1 if first else -1))
    return leads


class _Plot:
    def __init__(self, most: int, high: int) -> None:
        self.most, self.high = most, high

    def x(self, discordant: float) -> float:
        return _TRACE_LEFT + 8 + (_TRACE_WIDTH - _TRACE_LEFT - 16) * discordant / self.most

    def y(self, lead: float) -> float:
        half = _TRACE_TALL / 2
        return _TRACE_TOP + half - half * lead / self.high

    def steps(self, leads: Leads, side: int, style: str) -> list[str]:
        """A boundary as a stair: at each number of discordant pairs, the lead that is needed."""
        points = []
        for d, lead in enumerate(leads):
            if lead is not None:
                points += [
                    (self.x(d - 0.5), self.y(side * lead)),
                    (self.x(d + 0.5), self.y(side * lead)),
                ]
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        return [f'<polyline points="{way}" fill="none"{style}/>'] if points else []


def _trace_axes(plot: _Plot) -> list[str]:
    foot = _TRACE_HEIGHT - _TRACE_FOOT
    parts = [
        text(_TRACE_LEFT + 8, _TRACE_TOP + 14, "▲ the first is better", "start", "faint"),
        text(_TRACE_LEFT + 8, foot - 6, "▼ the second is better", "start", "faint"),
        text(_TRACE_WIDTH, _TRACE_HEIGHT - 4, "pairs of which only one succeeded", "end", "faint"),
    ]
    step = max(1, round(plot.most / 4))
    for d in range(step, plot.most + 1, step):
        parts.append(text(plot.x(d), foot + 13, str(d), "middle", "faint"))
    step = max(1, plot.high // 3)
    for lead in range(-plot.high + 1, plot.high):
        if lead % step == 0:
            shown = f"{lead:+d}" if lead else "0"
            parts.append(text(_TRACE_LEFT - 4, plot.y(lead) + 4, shown, "end"))
    return parts


_GRID_CELL, _GRID_LEFT, _GRID_TOP, _GRID_BAND = 24, 146, 16, 20
_HEAT = 46, 34
GridCell = tuple[int, int]


class Mark(NamedTuple):
    """One trial in the grid."""

    outcome: TrialOutcome
    title: str


def grid(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Mark | None]]]) -> Markup:
    """Policies below each other, placements side by side; bands of twenty."""
    parts: list[str] = []
    top = 0.0
    for start in range(0, len(columns), _GRID_BAND):
        band = columns[start : start + _GRID_BAND]
        for number, column in enumerate(band):
            parts.append(text(_left(number) + _GRID_CELL / 2, top + 11, column, "middle", "faint"))
        for row, (who, marks) in enumerate(rows):
            y = top + _GRID_TOP + _GRID_CELL * row
            parts.append(clipped_text(_GRID_LEFT - 8, y + 16, who, _NAME_LETTERS))
            for number, mark in enumerate(marks[start : start + _GRID_BAND]):
                parts.append(_mark(_left(number), y, mark))
        top += _GRID_TOP + _GRID_CELL * len(rows) + 8
    width = _GRID_LEFT + _GRID_CELL * min(len(columns), _GRID_BAND) + 2
    return document(max(width, 320), top, "outcome of each trial by placement", parts)


def grid_legend() -> Iterator[tuple[Markup, str]]:
    """Each mark and what it means."""
    marks = {
        TrialOutcome.SUCCESS: "success",
        TrialOutcome.PARTIAL: "partial",
        TrialOutcome.FAIL: "fail",
    }
    for outcome, word in marks.items():
        yield document(_GRID_CELL, _GRID_CELL, word, [_mark(0, 0, Mark(outcome, word))]), word
    yield document(_GRID_CELL, _GRID_CELL, "not played", [_mark(0, 0, None)]), "not played"


def _left(number: int) -> float:
    return _GRID_LEFT + _GRID_CELL * number


def _mark(x: float, y: float, mark: Mark | None) -> str:
    inner = _GRID_CELL - 3.0
    if mark is None:
        return rect(x, y, inner, inner, "none", f' stroke="{FAINT}" stroke-dasharray="2 2"')
    thick = ' stroke-width="2.2"'
    if mark.outcome is TrialOutcome.SUCCESS:
        tick = [(x + 5, y + 11), (x + 9, y + 15.5), (x + 16, y + 6)]
        shape = rect(x, y, inner, inner, GOOD) + polyline(tick, "#fff", thick)
    elif mark.outcome is TrialOutcome.PARTIAL:
        half = f'<polygon points="{x},{y + inner} {x + inner},{y + inner} {x + inner},{y}" '
        shape = rect(x, y, inner, inner, "#fff", f' stroke="{FAINT}"') + f'{half}fill="{HALF}"/>'
    else:
        shape = rect(x, y, inner, inner, "#fff", f' stroke="{BAD}"')
        shape += polyline([(x + 6, y + 6), (x + 15, y + 15)], BAD, thick)
        shape += polyline([(x + 15, y + 6), (x + 6, y + 15)], BAD, thick)
    return f"<g><title>{escape(mark.title)}</title>{shape}</g>"


def heat(size: GridCell, counts: Mapping[GridCell, tuple[int, int]], label: str) -> Markup:
    """Successes by cell of the task's grid as the robot sees it: row 1, nearest to it, is below."""
    rows, columns = size
    wide, tall = _HEAT
    parts = []
    for row in range(1, rows + 1):
        y = tall * (rows - row)
        parts.append(text(14, y + tall / 2 + 4, str(row), "middle", "faint"))
        for column in range(1, columns + 1):
            x = 24 + wide * (column - 1)
            parts.append(_heat_cell(x, y, counts.get((row, column))))
    for column in range(1, columns + 1):
        parts.append(text(24 + wide * (column - 0.5), tall * rows + 14, str(column), "middle"))
    return document(24 + wide * columns + 2, tall * rows + 18, label, parts)


def _heat_cell(x: float, y: float, count: tuple[int, int] | None) -> str:
    wide, tall = _HEAT
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

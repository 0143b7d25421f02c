"""The walk of a sequential test within its boundary."""

from __future__ import annotations

from collections.abc import Sequence

from vega_eval.report.drawing.canvas import (
    FAINT,
    FIELD,
    INK,
    LINE,
    colour,
    line,
    path,
    picture,
    rect,
    text,
)

_WIDTH, _HEIGHT, _LEFT, _TOP, _FOOT = 380, 220, 34, 4, 32
_STOPS = f' stroke="{INK}" stroke-width="2"'
_DECIDES = f' stroke="{FAINT}" stroke-width="1.2" stroke-dasharray="4 3"'
Leads = Sequence[int | None]


Outcomes = Sequence[tuple[bool, bool]]


def boundary(early: Leads, last: Leads, sessions: Sequence[Outcomes], label: str) -> str:
    """Leads of one policy over another, over discordant pairs, and the leads that decide.

    Args:
        early: Lead that stops a session, by the number of discordant pairs.
        last: Lead that decides after the last pair.
        sessions: Outcomes pair by pair, for each two policies; in the colours of their places.
        label: What it shows.
    """
    walks = [_walk(outcomes) for outcomes in sessions]
    known = [lead for lead in (*early, *last) if lead is not None]
    high = max([*known, *(abs(lead) for walk in walks for lead in walk), 2]) + 1
    plot = _Plot(len(early) - 1, high)
    parts = [
        rect(_LEFT, _TOP, _WIDTH - _LEFT, _HEIGHT - _TOP - _FOOT, FIELD),
        line(_LEFT, plot.y(0), _WIDTH, plot.y(0), LINE),
        *_axes(plot),
    ]
    for side in (1, -1):
        parts += plot.steps(last, side, _DECIDES)
        parts += plot.steps(early, side, _STOPS)
    parts += [_drawn(plot, leads, number) for number, leads in enumerate(walks)]
    return picture(_WIDTH, _HEIGHT, label, parts)


def _drawn(plot: _Plot, leads: list[int], number: int) -> str:
    # Walks that run over each other stay visible.
    aside = 2.0 * number
    points = [(plot.x(d), plot.y(lead) + aside) for d, lead in enumerate(leads)]
    x, y = points[-1]
    # The number tells walks apart where there is no colour.
    return (
        path(points, colour(number), ' stroke-width="2.2" stroke-linejoin="round"')
        + f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="{colour(number)}"/>'
        + f'<text x="{x:.1f}" y="{y + 3.5:.1f}" text-anchor="middle" '
        + f'style="fill:#fff;font-size:10px;font-weight:600">{number + 1}</text>'
    )


def _walk(outcomes: Outcomes) -> list[int]:
    leads = [0]
    for first, second in outcomes:
        if first != second:
            leads.append(leads[-1] + (1 if first else -1))
    return leads


class _Plot:
    def __init__(self, most: int, high: int) -> None:
        self.most, self.high = most, high

    def x(self, discordant: float) -> float:
        return _LEFT + 8 + (_WIDTH - _LEFT - 16) * discordant / self.most

    def y(self, lead: float) -> float:
        middle, half = (_HEIGHT - _FOOT + _TOP) / 2, (_HEIGHT - _FOOT - _TOP) / 2
        return middle - half * lead / self.high

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


def _axes(plot: _Plot) -> list[str]:
    foot = _HEIGHT - _FOOT
    parts = [
        text(_LEFT + 8, _TOP + 14, "▲ the first is better", "start", "faint"),
        text(_LEFT + 8, foot - 6, "▼ the second is better", "start", "faint"),
        text(_WIDTH, _HEIGHT - 4, "pairs of which only one succeeded", "end", "faint"),
    ]
    step = max(1, round(plot.most / 4))
    for d in range(step, plot.most + 1, step):
        parts.append(text(plot.x(d), foot + 13, str(d), "middle", "faint"))
    step = max(1, plot.high // 3)
    for lead in range(-plot.high + 1, plot.high):
        if lead % step == 0:
            parts.append(text(_LEFT - 4, plot.y(lead) + 4, f"{lead:+d}" if lead else "0", "end"))
    return parts

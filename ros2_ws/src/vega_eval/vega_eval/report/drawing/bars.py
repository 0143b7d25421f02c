"""Rates with their intervals, one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vega_eval.report.drawing.canvas import FAINT, FIELD, LINE, line, name, picture, rect, text

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP, _FOOT = 380, 150, 46, 24, 6, 20
_NAME = 21


class Bar(NamedTuple):
    """One rate.

    Attributes:
        name: Whose.
        rate: It, between its limits.
        low: Of the interval.
        high: Of the interval.
        told: As words, at the right.
        colour: Of the bar.
        paper: Drawn hollow: it is the paper's figure.
    """

    name: str
    rate: float
    low: float
    high: float
    told: str
    colour: str
    paper: bool = False


def bars(rows: Sequence[Bar], label: str) -> str:
    """Rates from 0 to 1 with their intervals."""
    height = _TOP + _ROW * len(rows) + _FOOT
    foot = height - _FOOT
    parts = [rect(_LEFT, _TOP, _WIDTH - _LEFT - _RIGHT, foot - _TOP, FIELD)]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(line(_x(tick), _TOP, _x(tick), foot, "#fff"))
        parts.append(text(_x(tick), height - 6, f"{tick:g}", "middle", "faint"))
    for number, bar in enumerate(rows):
        parts.append(_bar(bar, _TOP + _ROW * (number + 0.5)))
    return picture(_WIDTH, height, label, parts)


def _bar(bar: Bar, y: float) -> str:
    low, high, middle = _x(bar.low), _x(bar.high), _x(bar.rate)
    style = ' stroke-width="1.5" stroke-dasharray="3 2"' if bar.paper else ' stroke-width="5"'
    stroke = FAINT if bar.paper else bar.colour
    fill = "#fff" if bar.paper else bar.colour
    return (
        name(_LEFT - 8, y + 4, bar.name, _NAME, style="faint" if bar.paper else "")
        + line(low, y, high, y, stroke, f'{style} stroke-opacity="{1 if bar.paper else 0.45}"')
        + line(low, y - 4, low, y + 4, stroke)
        + line(high, y - 4, high, y + 4, stroke)
        + f'<circle cx="{middle:.1f}" cy="{y:.1f}" r="4.5" fill="{fill}" stroke="{stroke}" '
        + 'stroke-width="1.5"/>'
        + text(_WIDTH - _RIGHT + 8, y + 4, bar.told, "start", "faint" if bar.paper else "")
    )


def _x(rate: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * rate


class Share(NamedTuple):
    """A piece of a stacked bar."""

    word: str
    number: int
    fill: str
    ink: str


def stacked(rows: Sequence[tuple[str, Sequence[Share]]], label: str) -> str:
    """What became of each policy's trials, as pieces of a bar as long as they are many."""
    most = max((sum(share.number for share in shares) for _, shares in rows), default=0)
    width, left = 440, _LEFT
    height = _ROW * len(rows) + 4
    parts = []
    for number, (who, shares) in enumerate(rows):
        y, x = _ROW * number + 2.0, float(left)
        parts.append(name(left - 8, y + 15, who, _NAME))
        for share in shares:
            wide = (width - left) * share.number / max(most, 1)
            told = f"{share.word} {share.number}"
            parts.append(
                f"<g><title>{told}</title>"
                + rect(x, y, wide, _ROW - 4, share.fill, f' stroke="{LINE}"')
            )
            fits = told if wide > 7.0 * len(told) else str(share.number)
            if wide > 7.0 * len(fits):
                parts.append(
                    f'<text x="{x + wide / 2:.1f}" y="{y + 14:.1f}" text-anchor="middle" '
                    f'style="fill:{share.ink}">{fits}</text>'
                )
            parts.append("</g>")
            x += wide
    return picture(width, height, label, parts)

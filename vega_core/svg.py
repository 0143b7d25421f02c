"""SVG as text: its pieces, plots of joints over time, and of a figure over all episodes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from html import escape
from math import isfinite
from statistics import median
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#7a5c00", "#222222")
"""Of joints 1-6 and the gripper; told apart by the colour-blind as well."""

_BAD, _GOOD, _FAINT = "#b3261e", "#3c6e9f", "#b8bec6"
_JOINTS_HEIGHT, _GRIPPER_HEIGHT, _GAP, _FOOT, _LEFT = 74, 24, 6, 13, 46


def document(width: float, height: float, label: str, parts: Iterable[str]) -> Markup:
    """A whole drawing; `label` says what it shows to those who cannot see it."""
    return Markup(
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        f'role="img" aria-label="{escape(label, quote=True)}">{"".join(parts)}</svg>'
    )


def text(x: float, y: float, content: str, anchor: str = "start", style: str = "") -> str:
    """A word; `style` is a class of the page's style."""
    classes = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{classes}>{escape(content)}</text>'


def clipped_text(
    x: float, y: float, content: str, most: int, anchor: str = "end", style: str = ""
) -> str:
    """At most so many letters; a longer text shows its end when it is pointed at."""
    if len(content) <= most:
        return text(x, y, content, anchor, style)
    shown = text(x, y, content[: most - 1] + "…", anchor, style)
    return f"<g><title>{escape(content)}</title>{shown}</g>"


def line(x1: float, y1: float, x2: float, y2: float, colour: str, more: str = "") -> str:
    """A straight line."""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{more}/>'
    )


def rect(x: float, y: float, width: float, height: float, fill: str, more: str = "") -> str:
    """A filled field."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'fill="{fill}"{more}/>'
    )


def polyline(points: Iterable[tuple[float, float]], colour: str, more: str = "") -> str:
    """A line through points."""
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{way}" fill="none" stroke="{colour}"{more}/>'


class Dot(NamedTuple):
    """A figure of one episode."""

    episode: int
    value: float
    title: str


def joints(
    follower: NDArray[np.float32],
    leader: NDArray[np.float32],
    width: int,
    title: str,
    seconds: float,
) -> str:
    """An arm's joints 1-6 (rad) above its gripper (m), each row [T, 7]; the leader is pale."""
    if not len(follower):
        return ""
    both = np.concatenate([follower, leader])
    fields = ((0, _JOINTS_HEIGHT), (_JOINTS_HEIGHT + _GAP, _GRIPPER_HEIGHT))
    spans = (_span(both[:, :-1].ravel()), _span(np.append(both[:, -1], [0.0, 0.07])))
    height = sum(fields[1]) + _FOOT
    parts = [
        f'<svg class="joints" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(title, quote=True)}">'
    ]
    for (top, tall), (low, high), unit in zip(fields, spans, ("rad", "m")):
        parts.append(
            f'<rect x="{_LEFT}" y="{top}" width="{width - _LEFT}" height="{tall}" class="field"/>'
            f'<text x="{_LEFT - 4}" y="{top + 9}" text-anchor="end">{number(high)} {unit}</text>'
            f'<text x="{_LEFT - 4}" y="{top + tall}" text-anchor="end">{number(low)}</text>'
        )
    for rows, style in ((leader, ' stroke-opacity=".35"'), (follower, "")):
        last = rows.shape[1] - 1
        for joint in range(rows.shape[1]):
            gripper = joint == last
            points = _points(rows[:, joint], spans[gripper], width, *fields[gripper])
            if points:
                colour = COLOURS[-1] if gripper else COLOURS[joint % (len(COLOURS) - 1)]
                parts.append(f'<polyline points="{points}" stroke="{colour}"{style}/>')
    parts.append(
        f'<text x="{_LEFT}" y="{height - 3}">0 s</text>'
        f'<text x="{width}" y="{height - 3}" text-anchor="end">{seconds:.1f} s</text></svg>'
    )
    return "".join(parts)


def dots(
    values: Sequence[Dot], bad: Collection[int], limit: float | None, width: int, unit: str
) -> str:
    """A figure of every episode from left to right; the dashed line is what is allowed."""
    finite = [dot for dot in values if isfinite(dot.value)]
    if not finite:
        return "<p class='faint'>nothing to show</p>"
    height, left, right, top, bottom = 110, 44, 8, 8, 18
    numbers = [dot.value for dot in finite] + ([limit] if limit is not None else [])
    low, high = _span(np.asarray([*numbers, 0.0] if min(numbers) >= 0 else numbers))
    first, last = finite[0].episode, finite[-1].episode

    def x(episode: int) -> float:
        return left + (width - left - right) * (
            (episode - first) / (last - first) if last > first else 0.5
        )

    def y(value: float) -> float:
        return top + (height - top - bottom) * (1.0 - (value - low) / (high - low))

    middle = median(dot.value for dot in finite)
    parts = [
        f'<svg class="dots" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img">',
        f'<rect x="{left}" y="{top}" width="{width - left - right}" '
        f'height="{height - top - bottom}" class="field"/>',
        f'<line x1="{left}" x2="{width - right}" y1="{y(middle):.1f}" y2="{y(middle):.1f}" '
        f'stroke="{_FAINT}"/>',
    ]
    if limit is not None:
        parts.append(
            f'<line x1="{left}" x2="{width - right}" y1="{y(limit):.1f}" y2="{y(limit):.1f}" '
            f'stroke="{_BAD}" stroke-dasharray="4 3"/>'
        )
    for dot in finite:
        colour, radius = (_BAD, 3.6) if dot.episode in bad else (_GOOD, 2.6)
        parts.append(
            f'<a href="#e{dot.episode}"><circle cx="{x(dot.episode):.1f}" '
            f'cy="{y(dot.value):.1f}" r="{radius}" fill="{colour}">'
            f"<title>{escape(dot.title)}</title></circle></a>"
        )
    # The limit's own number stands at its line, where that is what the scale ends with.
    shown = limit if limit is not None and limit >= max(dot.value for dot in finite) else high
    parts.append(
        f'<text x="{left - 4}" y="{top + 8}" text-anchor="end">{number(shown)}</text>'
        f'<text x="{left - 4}" y="{height - bottom}" text-anchor="end">{number(low)}</text>'
        f'<text x="{left - 4}" y="{(height - bottom + top) / 2 + 4:.0f}" text-anchor="end">'
        f"{escape(unit)}</text>"
        f'<text x="{x(first):.0f}" y="{height - 5}" text-anchor="middle">{first}</text>'
    )
    if last > first:
        parts.append(f'<text x="{x(last):.0f}" y="{height - 5}" text-anchor="end">{last}</text>')
    parts.append("</svg>")
    return "".join(parts)


def number(value: float) -> str:
    """A figure as it is shown: three digits, and at most two behind the point."""
    size = abs(value)
    if size < 0.005:
        return "0"
    return f"{value:.{0 if size >= 100.0 else 1 if size >= 10.0 else 2}f}"


def _span(values: NDArray[np.float64] | NDArray[np.float32]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    margin = 0.06 * (high - low) or 0.5
    return (low if low == 0.0 else low - margin), high + margin


def _points(
    values: NDArray[np.float32], scale: tuple[float, float], width: int, top: int, height: int
) -> str:
    low, high = scale
    steps = max(len(values) - 1, 1)
    wide, tall = (width - _LEFT) / steps, height / (high - low)
    return " ".join(
        f"{_LEFT + wide * n:.1f},{top + tall * (high - value):.1f}"
        for n, value in enumerate(values.tolist())
        if isfinite(value)
    )

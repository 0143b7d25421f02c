"""The page's plots: joints of an arm over time, and a figure over all episodes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from math import isfinite
from statistics import median
from typing import NamedTuple

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from vega_core.svg import COLOURS, document, line, polyline, rect, text

_BAD, _GOOD, _FAINT, _FIELD = "#b3261e", "#3c6e9f", "#b8bec6", "#f6f7f9"
_JOINTS_HEIGHT, _GRIPPER_HEIGHT, _GAP, _FOOT, _LEFT = 74, 24, 6, 13, 46
_DOTS_HEIGHT, _DOTS_LEFT, _DOTS_RIGHT, _DOTS_TOP, _DOTS_BOTTOM = 110, 44, 8, 8, 18


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
) -> Markup:
    """An arm's joints 1-6 (rad) above its gripper (m), each row [T, 7]; the leader is pale."""
    if not len(follower):
        return Markup()
    both = np.concatenate([follower, leader])
    fields = ((0, _JOINTS_HEIGHT), (_JOINTS_HEIGHT + _GAP, _GRIPPER_HEIGHT))
    spans = (_span(both[:, :-1].ravel()), _span(np.append(both[:, -1], [0.0, 0.07])))
    height = sum(fields[1]) + _FOOT
    parts = []
    for (top, tall), (low, high), unit in zip(fields, spans, ("rad", "m")):
        parts += [
            rect(_LEFT, top, width - _LEFT, tall, _FIELD),
            text(_LEFT - 4, top + 9, f"{number(high)} {unit}", "end"),
            text(_LEFT - 4, top + tall, number(low), "end"),
        ]
    for rows, style in ((leader, ' stroke-opacity=".35"'), (follower, "")):
        last = rows.shape[1] - 1
        for joint in range(rows.shape[1]):
            gripper = joint == last
            points = list(_points(rows[:, joint], spans[gripper], width, *fields[gripper]))
            if points:
                colour = COLOURS[-1] if gripper else COLOURS[joint % (len(COLOURS) - 1)]
                parts.append(polyline(points, colour, style))
    parts += [
        text(_LEFT, height - 3, "0 s"),
        text(width, height - 3, f"{seconds:.1f} s", "end"),
    ]
    return document(width, height, title, parts, style="joints")


def dots(
    values: Sequence[Dot], bad: Collection[int], limit: float | None, width: int, unit: str
) -> Markup:
    """A figure of every episode from left to right; the dashed line is what is allowed."""
    finite = [dot for dot in values if isfinite(dot.value)]
    if not finite:
        return Markup('<p class="faint">nothing to show</p>')
    left, right, bottom = _DOTS_LEFT, width - _DOTS_RIGHT, _DOTS_HEIGHT - _DOTS_BOTTOM
    numbers = [dot.value for dot in finite] + ([limit] if limit is not None else [])
    low, high = _span(np.asarray([*numbers, 0.0] if min(numbers) >= 0 else numbers))
    first, last = finite[0].episode, finite[-1].episode

    def x(episode: int) -> float:
        return left + (right - left) * ((episode - first) / (last - first) if last > first else 0.5)

    def y(value: float) -> float:
        return _DOTS_TOP + (bottom - _DOTS_TOP) * (1.0 - (value - low) / (high - low))

    def across(value: float, colour: str, more: str = "") -> str:
        return line(left, y(value), right, y(value), colour, more)

    parts = [
        rect(left, _DOTS_TOP, right - left, bottom - _DOTS_TOP, _FIELD),
        across(median(dot.value for dot in finite), _FAINT),
    ]
    if limit is not None:
        parts.append(across(limit, _BAD, ' stroke-dasharray="4 3"'))
    for dot in finite:
        colour, radius = (_BAD, 3.6) if dot.episode in bad else (_GOOD, 2.6)
        parts.append(
            f'<a href="#e{dot.episode}"><circle cx="{x(dot.episode):.1f}" '
            f'cy="{y(dot.value):.1f}" r="{radius}" fill="{colour}">'
            f"<title>{escape(dot.title)}</title></circle></a>"
        )
    # The limit's own number stands at its line, where that is what the scale ends with.
    shown = limit if limit is not None and limit >= max(dot.value for dot in finite) else high
    parts += [
        text(left - 4, _DOTS_TOP + 8, number(shown), "end"),
        text(left - 4, bottom, number(low), "end"),
        text(left - 4, (bottom + _DOTS_TOP) / 2 + 4, unit, "end"),
        text(x(first), _DOTS_HEIGHT - 5, str(first), "middle"),
    ]
    if last > first:
        parts.append(text(x(last), _DOTS_HEIGHT - 5, str(last), "end"))
    label = f"a figure of every episode{f' ({unit})' if unit else ''}"
    return document(width, _DOTS_HEIGHT, label, parts, style="dots")


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
) -> Iterator[tuple[float, float]]:
    low, high = scale
    steps = max(len(values) - 1, 1)
    wide, tall = (width - _LEFT) / steps, height / (high - low)
    for n, value in enumerate(values.tolist()):
        if isfinite(value):
            yield _LEFT + wide * n, top + tall * (high - value)

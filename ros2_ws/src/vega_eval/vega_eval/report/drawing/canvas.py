"""Pieces of SVG."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from vega_core.svg import COLOURS

INK, FAINT, LINE, FIELD = "#20262e", "#68717c", "#c9ced5", "#f1f3f5"
GOOD, HALF, BAD = "#1a7f4b", "#e3b341", "#b3261e"


def picture(width: float, height: float, label: str, parts: Iterable[str]) -> str:
    """A whole figure; `label` says what it shows to those who cannot see it."""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        f'role="img" aria-label="{escape(label, quote=True)}">{"".join(parts)}</svg>'
    )


def text(x: float, y: float, content: str, anchor: str = "start", style: str = "") -> str:
    """A word; `style` is a class of the page's style."""
    classes = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{classes}>{escape(content)}</text>'


def name(x: float, y: float, content: str, most: int, anchor: str = "end", style: str = "") -> str:
    """A name of at most so many letters; a longer one shows its end when it is pointed at."""
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


def path(points: Iterable[tuple[float, float]], colour: str, more: str = "") -> str:
    """A line through points."""
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{way}" fill="none" stroke="{colour}"{more}/>'


def colour(number: int) -> str:
    """Of a policy, by its place; told apart by the colour-blind as well."""
    return COLOURS[number % len(COLOURS)]

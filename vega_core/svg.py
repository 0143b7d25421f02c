"""SVG as text: the pieces that charts and plots of all pages are made of."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from markupsafe import Markup

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#7a5c00", "#222222")
"""Of joints 1-6 and the gripper; told apart by the colour-blind as well."""


def document(
    width: float, height: float, label: str, parts: Iterable[str], style: str = ""
) -> Markup:
    """A whole drawing; `label` says in words what it shows, `style` is a class of the page."""
    classes = f' class="{style}"' if style else ""
    return Markup(
        f'<svg{classes} viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
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

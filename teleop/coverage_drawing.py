"""Draws coverage with Pillow: on the left the cell from above, on the right the grid, enlarged."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from hw_config import HardwareConfig
from teleop.placements import Grid, GridCell, Spot

_FINE = 2  # drawn so many times larger, then reduced: smooth edges
_WIDTH, _HEIGHT, _TITLE = 1000, 470, 56
_OVERVIEW = (24, _TITLE, 488, _HEIGHT - 34)  # left, top, right, bottom, pixels
_DETAIL = (580, _TITLE + 14, 976, _HEIGHT - 50)
_OVERVIEW_X, _OVERVIEW_Y = (0.10, 0.80), (-0.45, 0.45)  # at least this much is seen, m

_INK, _FAINT, _LINE = (32, 38, 46), (118, 126, 136), (205, 210, 216)
_EMPTY, _LIGHT, _DARK = (255, 255, 255), (232, 241, 250), (150, 196, 236)
_ARM, _UNCOVERED = (60, 66, 76), (214, 120, 40)
_OUTCOMES = {"success": (26, 130, 66), "failure": (200, 40, 40), "unjudged": (96, 96, 104)}

_Pixel = tuple[float, float]
_Span = tuple[float, float]


@dataclass(frozen=True)
class EpisodeDot:
    """One episode in the drawing; `spot` is None when only its cell is known."""

    cell: GridCell
    spot: Spot | None
    outcome: str


@dataclass(frozen=True)
class Coverage:
    """The episodes of one task and variant on its grid.

    Attributes:
        grid: the grid.
        counts: episodes by cell, failed ones left out; every cell has an entry.
        dots: all episodes with a cell.
        elsewhere: episodes of this task without a cell of this or another variant's grid.
    """

    grid: Grid
    counts: dict[GridCell, int]
    dots: tuple[EpisodeDot, ...]
    elsewhere: int

    @property
    def headline(self) -> str:
        """One line for people."""
        done, least, most = sum(self.counts.values()), *_extremes(self.counts)
        filled = sum(count > 0 for count in self.counts.values())
        failed = sum(dot.outcome == "failure" for dot in self.dots)
        parts = [
            f"{done} episode{'' if done == 1 else 's'}",
            f"{filled} of {len(self.counts)} cells",
            f"{least} to {most} a cell",
        ]
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{self.elsewhere} without a cell"] if self.elsewhere else []
        return f"{self.grid.task}, {self.grid.variant}, {self.grid.object}: {', '.join(parts)}"


def _extremes(counts: dict[GridCell, int]) -> tuple[int, int]:
    return min(counts.values()), max(counts.values())


def draw(panels: Sequence[Coverage], hardware: HardwareConfig) -> bytes:
    """PNG with one panel a variant, above each other."""
    image = Image.new("RGB", (_WIDTH * _FINE, _HEIGHT * len(panels) * _FINE), "white")
    for n, found in enumerate(panels):
        _Panel(image, n * _HEIGHT, found).draw(hardware)
    image = image.resize((image.width // _FINE, image.height // _FINE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


class _View:
    """Metres to pixels, seen from above: x up, y to the left, the same scale in both."""

    def __init__(self, box: tuple[int, int, int, int], x: _Span, y: _Span) -> None:
        left, top, right, bottom = box
        self.scale = min((right - left) / (y[1] - y[0]), (bottom - top) / (x[1] - x[0]))
        self._middle = ((left + right) / 2, (top + bottom) / 2)
        self._centre = ((x[0] + x[1]) / 2, (y[0] + y[1]) / 2)

    def __call__(self, x: float, y: float) -> _Pixel:
        return (
            self._middle[0] - (y - self._centre[1]) * self.scale,
            self._middle[1] - (x - self._centre[0]) * self.scale,
        )


class _Panel:
    """One variant; pixels count from the panel's top left corner, before `_FINE`."""

    def __init__(self, image: Image.Image, top: int, found: Coverage) -> None:
        self._pen, self._top, self._found = ImageDraw.Draw(image), top, found
        self._most = max(1, *found.counts.values())

    def draw(self, hardware: HardwareConfig) -> None:
        self._text((24, 26), self._found.headline, 17, anchor="lm")
        self._overview(hardware)
        self._detail()
        self._legend()

    def _overview(self, hardware: HardwareConfig) -> None:
        region = self._found.grid.region
        x = _around(_OVERVIEW_X, region.x, 0.05)
        y = _around(_OVERVIEW_Y, region.y, 0.05)
        view = _View(_OVERVIEW, x, y)
        for tenth in range(math.ceil(x[0] * 10), math.floor(x[1] * 10) + 1):
            self._line(view(tenth / 10, y[0]), view(tenth / 10, y[1]), _LINE)
            self._text(_moved(view(tenth / 10, y[1]), 3, -7), f"{tenth / 10:.1f}", 10, _FAINT, "lm")
        for tenth in range(math.ceil(y[0] * 10), math.floor(y[1] * 10) + 1):
            self._line(view(x[0], tenth / 10), view(x[1], tenth / 10), _LINE)
            at = _moved(view(x[0], tenth / 10), 0, 9)
            self._text(at, f"{tenth / 10 + 0.0:.1f}", 10, _FAINT)
        self._cells(view)
        for name, arm in hardware.arms.items():
            across, up = view(*arm.base_xyz[:2])
            self._box((across - 20, up - 20, across + 20, up + 20), _ARM)
            self._text((across, up), name, 11, (255, 255, 255))
        self._text((256, _HEIGHT - 10), "from above: x up, y to the left (m)", 11, _FAINT)

    def _detail(self) -> None:
        grid = self._found.grid
        region = grid.region
        view = _View(_DETAIL, region.x, region.y)
        self._cells(view)
        for dot in sorted(self._found.dots, key=lambda dot: dot.outcome == "failure"):
            self._dot(view, dot)
        for cell in grid.cells:
            (x0, x1), (y0, y1) = grid.bounds(cell)
            left, top = view(x1, y1)
            count = self._found.counts[cell]
            ink = _INK if count else _UNCOVERED
            self._text((left + 7, top + 5), str(count), 19, ink, "la", halo=4)
            if cell.column == 1:
                self._text(
                    _moved(view((x0 + x1) / 2, y1), -8, 0), f"row {cell.row}", 12, anchor="rm"
                )
                self._text(_moved(view(x0, y1), -8, 0), f"x {x0:.3f}", 10, _FAINT, "rm")
                if cell.row == region.rows:
                    self._text(_moved(view(x1, y1), -8, 0), f"x {x1:.3f}", 10, _FAINT, "rm")
            if cell.row == region.rows:
                self._text(_moved(view(x1, (y0 + y1) / 2), 0, -9), f"column {cell.column}", 12)
            if cell.row == 1:
                self._text(_moved(view(x0, y1), 0, 10), f"y {y1:.3f}", 10, _FAINT)
                if cell.column == region.columns:
                    self._text(_moved(view(x0, y0), 0, 10), f"y {y0:.3f}", 10, _FAINT)

    def _legend(self) -> None:
        across = 640.0
        for outcome, colour in _OUTCOMES.items():
            self._mark((across, _HEIGHT - 10), colour, outcome)
            self._text((across + 10, _HEIGHT - 10), outcome, 11, _FAINT, "lm")
            across += 86

    def _cells(self, view: _View) -> None:
        grid = self._found.grid
        for cell in grid.cells:
            (x0, x1), (y0, y1) = grid.bounds(cell)
            count = self._found.counts[cell]
            box = (*view(x1, y1), *view(x0, y0))
            self._box(box, _shade(count / self._most) if count else _EMPTY, _ARM)

    def _dot(self, view: _View, dot: EpisodeDot) -> None:
        spot = dot.spot or _middle(self._found.grid, dot.cell)
        at, colour = view(spot.x, spot.y), _OUTCOMES.get(dot.outcome, _FAINT)
        self._mark(at, colour, dot.outcome)
        if dot.spot is not None and spot.yaw_deg is not None:
            yaw = math.radians(spot.yaw_deg)
            tip = (at[0] - 13 * math.sin(yaw), at[1] - 13 * math.cos(yaw))
            self._line(at, tip, colour, 2)

    def _mark(self, at: _Pixel, colour: tuple[int, int, int], outcome: str) -> None:
        x, y = at
        if outcome == "failure":
            for sign in (1, -1):
                self._line((x - 5, y - 5 * sign), (x + 5, y + 5 * sign), colour, 2)
            return
        box = [self._at((x - 4, y - 4)), self._at((x + 4, y + 4))]
        self._pen.ellipse(
            box, fill=colour if outcome == "success" else None, outline=colour, width=4
        )

    def _at(self, pixel: _Pixel) -> _Pixel:
        return pixel[0] * _FINE, (pixel[1] + self._top) * _FINE

    def _line(
        self, start: _Pixel, end: _Pixel, colour: tuple[int, int, int], width: int = 1
    ) -> None:
        self._pen.line([self._at(start), self._at(end)], fill=colour, width=width * _FINE)

    def _box(
        self,
        box: tuple[float, float, float, float],
        fill: tuple[int, int, int],
        outline: tuple[int, int, int] | None = None,
    ) -> None:
        corners = [self._at(box[:2]), self._at(box[2:])]
        self._pen.rectangle(corners, fill=fill, outline=outline, width=_FINE)

    def _text(
        self,
        at: _Pixel,
        text: str,
        size: int,
        colour: tuple[int, int, int] = _INK,
        anchor: str = "mm",
        halo: int = 0,
    ) -> None:
        font = ImageFont.load_default(size * _FINE)
        self._pen.text(
            self._at(at),
            text,
            fill=colour,
            font=font,
            anchor=anchor,
            stroke_width=halo * _FINE,
            stroke_fill=_EMPTY,
        )


def _around(least: _Span, span: _Span, margin: float) -> _Span:
    return min(least[0], span[0] - margin), max(least[1], span[1] + margin)


def _moved(pixel: _Pixel, across: float, down: float) -> _Pixel:
    return pixel[0] + across, pixel[1] + down


def _shade(share: float) -> tuple[int, int, int]:
    light, dark = _LIGHT, _DARK
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(light, dark))
    return red, green, blue


def _middle(grid: Grid, cell: GridCell) -> Spot:
    (x0, x1), (y0, y1) = grid.bounds(cell)
    return Spot((x0 + x1) / 2, (y0 + y1) / 2)

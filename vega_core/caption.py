"""The caption of a film: a strip below its images with the task, the time, and the outcome."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
_SMALLEST, _LARGEST = 11, 18  # pixels
_LETTERS = 45  # about so many letters fit into the width of a small film
_BACKGROUND, _TEXT, _QUIET = (24, 24, 24), (240, 240, 240), (170, 170, 170)
_OUTCOMES = {"success": (120, 220, 140), "failure": (245, 140, 110)}
_OTHER = (240, 205, 110)


class Caption:
    """Draws the strip of one film.

    Args:
        width: Of the film, pixels.
        title: What is shown, in one line; what does not fit is cut.
    """

    def __init__(self, width: int, title: str) -> None:
        size = min(max(width // _LETTERS, _SMALLEST), _LARGEST)
        self._font = ImageFont.load_default(size)
        self._width, self._title = width, title
        self._margin, self._line = size // 2, size + size // 3
        self.height = 2 * ((2 * self._line + self._margin + 1) // 2)
        """Of the strip, pixels; even, as video encoders need it."""

    def strip(self, elapsed_s: float, outcome: str = "") -> Pixels:
        """The strip, uint8 [height, width, 3], after so many seconds, and how it ended."""
        image = Image.new("RGB", (self._width, self.height), _BACKGROUND)
        pen = ImageDraw.Draw(image)
        self._write(pen, 0, self._margin, self._title, _TEXT)
        time = f"{elapsed_s:.1f} s"
        self._write(pen, 1, self._margin, time, _QUIET)
        if outcome:
            at = 2 * self._margin + self._font.getlength(time)
            colour = _OUTCOMES.get(outcome.split(":")[0], _OTHER)
            self._write(pen, 1, round(at), outcome, colour)
        return np.asarray(image)

    def _write(
        self, pen: ImageDraw.ImageDraw, line: int, left: int, text: str, colour: tuple[int, ...]
    ) -> None:
        room = self._width - left - self._margin
        shown = text
        while shown and self._font.getlength(shown) > room:
            text = text[:-1]
            shown = text.rstrip() + "\N{HORIZONTAL ELLIPSIS}"
        pen.text((left, self._margin // 2 + line * self._line), shown, colour, self._font)

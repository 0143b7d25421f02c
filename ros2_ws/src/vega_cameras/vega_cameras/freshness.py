"""Tells a camera that lives from one that repeats itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_GRID = 8  # every eighth row and column: cheap, and noise changes it in any image of a scene


class Freshness:
    """Looks at number, stamp and content of every frame.

    An image of one single colour (a covered lens, a dark room) may repeat itself for good.

    Args:
        frozen_s: What has not changed for this long is frozen.

    Attributes:
        repeated: The newest frame is one that was there already, by number or stamp.
        uniform: The newest image has one colour everywhere.
    """

    def __init__(self, frozen_s: float) -> None:
        self._frozen_s = frozen_s
        self._number = _Watched("its frame number stays at")
        self._stamp = _Watched("its time stamp stays at")
        self._content = _Watched("its image does not change")
        self.repeated = False
        self.uniform = False

    def update(
        self, number: int, stamp_ms: float, pixels: NDArray[np.uint8], now_s: float
    ) -> str | None:
        """Takes the next frame.

        Args:
            number: The device's count.
            stamp_ms: The device's stamp.
            pixels: [H, W, 3].
            now_s: Monotonic time.

        Returns:
            What is frozen, for people, or None.
        """
        grid = pixels[::_GRID, ::_GRID].tobytes()
        new_number = self._number.update(number, str(number), now_s)
        new_stamp = self._stamp.update(stamp_ms, f"{stamp_ms:.3f} ms", now_s)
        self.repeated = not (new_number and new_stamp)
        if self._content.update(grid, "", now_s):
            self.uniform = grid == grid[:3] * (len(grid) // 3)
        for watched in (self._number, self._stamp, self._content):
            if watched is self._content and self.uniform:
                continue
            if now_s - watched.since_s > self._frozen_s:
                return f"frames come, but {watched.text}"
        return None


class _Watched:
    """A value, and since when it has been the same."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._value: object = None
        self.text = ""
        self.since_s = 0.0

    def update(self, value: object, shown: str, now_s: float) -> bool:
        if value == self._value:
            return False
        self._value, self.since_s = value, now_s
        self.text = f"{self._what} {shown}".rstrip()
        return True

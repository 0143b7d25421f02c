"""Coming to rest without a jump in velocity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Stop:
    """Ramps a velocity linearly to zero; all joints come to rest at the same time."""

    def __init__(
        self,
        position: NDArray[np.float64],
        velocity: NDArray[np.float64],
        start_s: float,
        duration_s: float,
    ) -> None:
        """Starts at `position` [n] with `velocity` [n] at `start_s`, rests `duration_s` later."""
        self._position = position.copy()
        self._velocity = velocity.copy()
        self._start_s = start_s
        self._duration_s = duration_s if velocity.any() else 0.0

    @property
    def end_s(self) -> float:
        """When it is at rest; from then on `at` is constant."""
        return self._start_s + self._duration_s

    def rest(self, place: slice, position: NDArray[np.float64]) -> None:
        """Lets the joints at `place` rest where `position` [n] has them."""
        self._position[place] = position[place]
        self._velocity[place] = 0.0

    def at(self, now_s: float) -> NDArray[np.float64]:
        """Positions [n] at a time not before the start."""
        if self._duration_s == 0.0:
            return self._position
        t = min(now_s - self._start_s, self._duration_s)
        return self._position + self._velocity * (t - 0.5 * t * t / self._duration_s)

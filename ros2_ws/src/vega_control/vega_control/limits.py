"""Position and velocity limits of all joints, applied to every command."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Limiter:
    """Clamps a target to the position limits and to what the velocity limits let it reach."""

    def __init__(
        self,
        lower: Sequence[float],
        upper: Sequence[float],
        velocity: Sequence[float],
        max_interval_s: float,
    ) -> None:
        """Takes limits of all joints: rad and rad/s, grippers m and m/s.

        Args:
            lower: Position limits [n].
            upper: Position limits [n].
            velocity: Velocity limits [n].
            max_interval_s: A command may not make up for more time than this, however long ago
                the last one was.
        """
        self._lower = np.array(lower, np.float64)
        self._upper = np.array(upper, np.float64)
        self._velocity = np.array(velocity, np.float64)
        self._max_interval_s = max_interval_s

    def apply(
        self, target: NDArray[np.float64], previous: NDArray[np.float64], interval_s: float
    ) -> tuple[NDArray[np.float64], bool]:
        """The command nearest to `target` that the limits allow, and whether it differs.

        Where `previous` lies outside the position limits (an arm may start there) the command
        walks into them at limited velocity.

        Args:
            target: Wanted positions [n], finite.
            previous: The last command [n].
            interval_s: Time since the last command.
        """
        reach = self._velocity * min(max(interval_s, 0.0), self._max_interval_s)
        command = np.minimum(np.maximum(target, self._lower), self._upper)
        command = np.minimum(np.maximum(command, previous - reach), previous + reach)
        return command, bool((command != target).any())

"""A chunk of actions as it reaches the gate, and the checks it must pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Clocks of two processes differ by a few milliseconds; more than this is a broken stamp.
_FUTURE_TOLERANCE_S = 0.1
_LONGEST_STEP_S = 1.0
# Beyond any joint limit by far: the sender confused units or its network diverged.
_LARGEST_POSITION = 100.0


@dataclass(frozen=True)
class Chunk:
    """Absolute joint targets of both arms; row k is due at `observed_s + (k + 1) * dt_s`.

    Attributes:
        sequence: Rises with every chunk of one sender.
        observed_s: Capture time of the observation it was computed from.
        deadline_s: Not to be started after this time.
        dt_s: Time between two rows.
        names: The joints of a row.
        steps: Rows, K.
        positions: float64 [K * len(names)], row by row; rad, gripper opening in m.
    """

    sequence: int
    observed_s: float
    deadline_s: float
    dt_s: float
    names: Sequence[str]
    steps: int
    positions: NDArray[np.float64]

    @property
    def end_s(self) -> float:
        """When the last row is due."""
        return self.observed_s + self.steps * self.dt_s

    @property
    def rows(self) -> NDArray[np.float64]:
        """The targets as [K, len(names)]."""
        return self.positions.reshape(self.steps, len(self.names))


def wrong_shape(chunk: Chunk, joint_names: Sequence[str]) -> str | None:
    """Why the chunk does not have the form of this robot's commands, or None."""
    if list(chunk.names) != list(joint_names):
        return f"its joints are {', '.join(chunk.names) or 'not named'}"
    if chunk.steps < 1 or len(chunk.positions) != chunk.steps * len(joint_names):
        wanted = f"{chunk.steps} rows of {len(joint_names)}"
        return f"it announces {wanted} values and carries {len(chunk.positions)}"
    if not 0.0 < chunk.dt_s <= _LONGEST_STEP_S:
        return f"its step is {chunk.dt_s} s"
    return None


def non_finite(chunk: Chunk) -> str | None:
    """Which of its values is not a number, or None."""
    if np.isfinite(chunk.positions).all():
        return None
    row, column = np.argwhere(~np.isfinite(chunk.rows))[0]
    return f"{chunk.names[column]} is {chunk.rows[row, column]} in step {row}"


def out_of_range(chunk: Chunk) -> str | None:
    """Which of its values cannot be meant as a position (limits clamp the others), or None."""
    if np.abs(chunk.positions).max() <= _LARGEST_POSITION:
        return None
    row, column = np.argwhere(np.abs(chunk.rows) > _LARGEST_POSITION)[0]
    return f"{chunk.names[column]} is {chunk.rows[row, column]:.3g} in step {row}"


def stale(chunk: Chunk, now_s: float, max_age_s: float) -> str | None:
    """Why the chunk is too late to be started (or claims to come from the future), or None."""
    age = now_s - chunk.observed_s
    if not age <= max_age_s:
        return f"its observation is {age:.2f} s old (limit {max_age_s:g} s)"
    if age < -_FUTURE_TOLERANCE_S:
        return f"its observation is stamped {-age:.2f} s in the future"
    if not now_s <= chunk.deadline_s:
        return f"it came {now_s - chunk.deadline_s:.2f} s after its deadline"
    if now_s >= chunk.end_s:
        return f"its last step was due {now_s - chunk.end_s:.2f} s ago"
    return None

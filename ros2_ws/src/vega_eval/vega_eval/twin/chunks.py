"""When chunks are asked for and when they take effect, as in the launched system."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Timing:
    """In control steps.

    Attributes:
        replan_steps: From one observation to the next.
        delay_steps: From an observation to the first step of its chunk.
    """

    replan_steps: int
    delay_steps: int

    def items(self) -> tuple[tuple[str, int], ...]:
        """As a session notes it."""
        return tuple(asdict(self).items())


def too_short(chunk: int, timing: Timing) -> str:
    """What a person should know of chunks that end before the next one is there."""
    least = chunk - timing.delay_steps
    remedy = f"give --replan-steps {least}" if least > timing.delay_steps else "take another policy"
    return (
        f"its chunks of {chunk} steps are over before the next one is there (--replan-steps "
        f"{timing.replan_steps}, --delay-steps {timing.delay_steps}), and the arms wait: {remedy}"
    )


class ChunkPlayer:
    """Plays chunks as the launched system does: the old one until the new one is there.

    Attributes:
        steps: How many steps of chunks were played.
        refused: How many chunks were not finite; as the gate does, it plays on without them.
        holds: How often a chunk had run out before the next one was there.
        held_steps: How many steps that took, all together.
    """

    def __init__(self, timing: Timing, home: NDArray[Any]) -> None:
        self.steps = 0
        self.refused = 0
        self.holds = self.held_steps = 0
        self._holding = False
        self._timing = timing
        self._target = home
        self._running: tuple[int, NDArray[Any]] | None = None
        self._coming: tuple[int, NDArray[Any]] | None = None

    def wants_observation(self, step: int) -> bool:
        """Whether inference starts at this step."""
        return step % self._timing.replan_steps == 0

    def offer(self, step: int, values: NDArray[Any]) -> None:
        """Takes the chunk [K, 14] inferred from the observation of `step`."""
        if np.isfinite(values).all():
            self._coming = (step, values)
        else:
            self.refused += 1

    def target(self, step: int) -> NDArray[Any]:
        """The target [14] of a step; the last one is kept when a chunk has run out."""
        if self._coming and step >= self._coming[0] + self._timing.delay_steps:
            self._running, self._coming = self._coming, None
        if self._running:
            start, values = self._running
            over = step - start >= len(values)
            if not over:
                self._target = values[step - start]
            self.steps += not over
            self.holds += over and not self._holding
            self.held_steps += over
            self._holding = over
        return self._target

"""Whether a policy is fast enough for its chunks, and how often it is to be asked.

A chunk is executed until its last step is due, counted from its observation. The next one is
observed `replan` steps later, or when the inference under way has ended if that is later, on a
frame that may be a period old; it is there an inference later. If the chunk before it has run out
by then, the gate holds; if its own last step was due, the gate refuses it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

_INFERENCES = 5
_LONG_S = 2.0
_ROUNDING_S = 1e-6


class Pace(NamedTuple):
    """What decides whether chunks follow one another without a hold.

    Attributes:
        chunk: Steps of a chunk.
        dt_s: Time between two steps.
        frame_s: Time between two frames of the slowest camera.
        max_age_s: The gate takes no chunk that was observed longer ago.
    """

    chunk: int
    dt_s: float
    frame_s: float
    max_age_s: float

    def fits(self, replan_steps: int, latency_s: float) -> bool:
        """Whether every chunk is there before the one before it has run out."""
        observed_s = max(replan_steps * self.dt_s, latency_s)
        there_s = observed_s + self.frame_s + latency_s
        in_time = there_s <= self.chunk * self.dt_s + _ROUNDING_S
        return in_time and self.frame_s + latency_s <= self.max_age_s

    def replan_steps(self, wanted: int, latency_s: float) -> int | None:
        """The largest number of steps up to the wanted one that fits; None if none does."""
        numbers = range(min(wanted, self.chunk), 0, -1)
        return next((steps for steps in numbers if self.fits(steps, latency_s)), None)


def latency_s(infer: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Median time of an inference.

    The first one, which may prepare what the others find ready, does not count, unless it takes so
    long that nobody wants to wait for more.
    """
    durations: list[float] = []
    while len(durations) <= _INFERENCES and sum(durations) < _LONG_S:
        began_s = clock()
        infer()
        durations.append(clock() - began_s)
    return statistics.median(durations[1:] or durations)

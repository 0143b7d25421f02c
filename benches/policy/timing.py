"""Stopwatches for the host and for CUDA, and what is made of many laps."""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch

Laps = dict[str, float]
"""Milliseconds by stage."""
TOTAL = "total"


class Stopwatch:
    """Times the stages of one pass without stopping the device between them.

    On CUDA each stage ends with an event in the stream; the total is the host's own time until the
    device is done.

    Args:
        device: Where the stages run.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._names: list[str] = []
        self._times: list[float] = []
        self._events: list[torch.cuda.Event] = []
        self._wait()
        self._mark()

    def lap(self, name: str) -> None:
        """Ends a stage."""
        self._names.append(name)
        self._mark()

    def laps(self) -> Laps:
        """All stages and the total; waits for the device."""
        self._wait()
        total = 1e3 * (time.perf_counter() - self._times[0])
        if self._events:
            spans = [begin.elapsed_time(end) for begin, end in pairwise(self._events)]
        else:
            spans = [1e3 * (end - begin) for begin, end in pairwise(self._times)]
        return {**dict(zip(self._names, spans)), TOTAL: total}

    def _mark(self) -> None:
        self._times.append(time.perf_counter())
        if self._device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record(torch.cuda.current_stream(self._device))
            self._events.append(event)

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


class Latency(NamedTuple):
    """Percentiles over the repeats, milliseconds."""

    p50_ms: float
    p95_ms: float


def summarise(passes: Sequence[Laps]) -> dict[str, Latency]:
    """Percentiles of each stage."""
    return {
        stage: Latency(*np.percentile([laps[stage] for laps in passes], [50, 95]).tolist())
        for stage in passes[0]
    }


def interleave(
    runs: Mapping[str, Callable[[], Laps]],
    warm_up: int,
    repeats: int,
    progress: Callable[[str], None],
) -> dict[str, list[Laps]]:
    """Repeats several runs in turn, so that a machine's moods hit all of them alike.

    Args:
        runs: Each makes one pass.
        warm_up: Passes of each that are not counted.
        repeats: Passes of each that are.
        progress: Gets a line now and then.
    """
    for name, run in runs.items():
        for number in range(warm_up):
            laps = run()
            progress(f"{name}: warm-up {number + 1} of {warm_up}, {laps[TOTAL]:.1f} ms")
    passes: dict[str, list[Laps]] = {name: [] for name in runs}
    every = max(1, repeats // 4)
    for number in range(1, repeats + 1):
        for name, run in runs.items():
            passes[name].append(run())
        if number % every == 0:
            progress(f"measured {number} of {repeats}")
    return passes

"""Streams with capture stamps of their own, brought to one common rate.

Nothing is interpolated: at every point of a regular grid each stream gives the sample captured
nearest to it, so that every joint value and every image of an export was recorded as it stands
there. At 200 Hz a joint state is at most 2.5 ms away, less than half a sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from teleop.errors import TeleopError
from vega_core.stamps import NS

Stamps = NDArray[np.int64]

LONGEST_ERROR_S = 0.06
"""Half of the longest gap between two images that the recorder lets pass (recording.yaml)."""


class ResampleError(TeleopError):
    """Streams do not overlap, or too much of one is missing."""


class Match(NamedTuple):
    """The samples of a stream that are nearest to the points of a grid.

    Attributes:
        samples: [T] int64, places in the stream; they never decrease.
        error_ns: [T] int64, stamp of the sample minus the grid point.
    """

    samples: NDArray[np.int64]
    error_ns: NDArray[np.int64]


class StreamError(NamedTuple):
    """How well a stream fits a grid (ms).

    Attributes:
        missing: Points without a sample within half a period.
    """

    median_ms: float
    p95_ms: float
    max_ms: float
    missing: int


def nearest(stamps: Stamps, at: Stamps) -> Match:
    """The sample nearest to each point; of two that are equally near, the earlier.

    Args:
        stamps: [N] int64 (ns), sorted, not empty.
        at: [T] int64 (ns), sorted.
    """
    after = np.clip(np.searchsorted(stamps, at), 1, max(len(stamps) - 1, 1))
    if len(stamps) == 1:
        after[:] = 0
    before = np.maximum(after - 1, 0)
    index = np.where(at - stamps[before] <= stamps[after] - at, before, after)
    return Match(index, stamps[index] - at)


def grid(streams: Sequence[Stamps], fps: int) -> Stamps:
    """Points at this rate (Hz) over the time in which all streams have samples.

    The first point is a sample of the first stream, so that at that stream's own rate each sample
    is used once.

    Returns:
        [T] int64 (ns).

    Raises:
        ResampleError: A stream is empty, or they have no time in common.
    """
    if any(len(stamps) == 0 for stamps in streams):
        raise ResampleError("a stream has no samples")
    start = max(int(stamps[0]) for stamps in streams)
    end = min(int(stamps[-1]) for stamps in streams)
    anchor = streams[0]
    at = int(np.searchsorted(anchor, start))
    if at == len(anchor) or anchor[at] > end:
        raise ResampleError("the streams were not recorded at the same time")
    first = int(anchor[at])
    count = (end - first) * fps // NS + 1
    steps = np.arange(count, dtype=np.int64)
    return first + (steps * (2 * NS) + fps) // (2 * fps)


def fit(match: Match, fps: int) -> StreamError:
    """What a match says of its stream; half a period of the grid is the limit."""
    error = np.abs(match.error_ns) / 1e6
    return StreamError(
        median_ms=round(float(np.median(error)), 3),
        p95_ms=round(float(np.percentile(error, 95)), 3),
        max_ms=round(float(error.max()), 3),
        missing=int(np.count_nonzero(np.abs(match.error_ns) * 2 * fps > NS)),
    )


def check(errors: Mapping[str, StreamError], steps: int, max_missing: float) -> None:
    """Refuses what would put old samples beside new ones.

    A point without a sample within half a period takes the nearest one all the same, if that
    happens rarely and the sample is not far.

    Args:
        errors: Of each stream, by its name.
        steps: Points of the grid.
        max_missing: Share of the points, 0 to 1.

    Raises:
        ResampleError: It names the stream.
    """
    for name, error in errors.items():
        if error.missing > max_missing * steps:
            raise ResampleError(
                f"{name}: {error.missing} of {steps} steps have no sample within half a period, "
                f"expected at most {max_missing:.1%}"
            )
        if error.missing and error.max_ms > LONGEST_ERROR_S * 1e3:
            raise ResampleError(
                f"{name}: a step has no sample within {LONGEST_ERROR_S * 1e3:.0f} ms, "
                f"the nearest is {error.max_ms:.0f} ms away"
            )

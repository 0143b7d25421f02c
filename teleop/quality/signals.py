"""Joint series on a regular grid, and what their shape says: idle time, jerk, smoothness, lag."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from teleop.dataset.reader import Joints
from vega_core.stamps import NS

HZ = 50
_STILL_RAD_S, _STILL_M_S = 0.02, 0.004
_HALF_SPAN = 5  # samples: speeds over 0.2 s, so that an encoder's noise is no motion
_FIT = 7  # samples each side of the polynomial that jerk is taken from
_LONGEST_LAG_S = 0.5
_CUTOFF_HZ, _AMPLITUDE = 10.0, 0.05  # of the spectral arc length, as published

Series = NDArray[np.float64]


class Following(NamedTuple):
    """How a follower follows its leader.

    Attributes:
        lag_s: By how much the follower is behind, where they move; 0 where they do not.
        offset: Median of follower minus leader after that lag, each joint (rad; gripper m).
        error_rad: What remains after lag and offset, 95 % of the time, of the worst joint 1-6.
    """

    lag_s: float
    offset: tuple[float, ...]
    error_rad: float


def regular(joints: Joints, start_ns: int, end_ns: int, hz: int = HZ) -> Series:
    """Positions at a regular rate, between the two nearest states, float64 [T, 7]."""
    times = np.arange(start_ns, end_ns + 1, NS // hz, dtype=np.int64) - start_ns
    at = (joints.stamps_ns - start_ns).astype(np.float64)
    finite = np.nan_to_num(joints.position, nan=0.0, posinf=0.0, neginf=0.0)
    return np.stack([np.interp(times, at, column) for column in finite.T], axis=1)


def speeds(series: Series, hz: int = HZ) -> Series:
    """Speed of each joint over 0.2 s, float64 [T, J]; zeros where the series is too short."""
    result = np.zeros_like(series)
    span = 2 * _HALF_SPAN
    if len(series) > span:
        inner = np.abs(series[span:] - series[:-span]) * hz / span
        result[_HALF_SPAN:-_HALF_SPAN] = inner
        result[:_HALF_SPAN], result[-_HALF_SPAN:] = inner[0], inner[-1]
    return result


def still(series: Series) -> NDArray[np.bool_]:
    """Where no joint of an arm moves (the last one is the gripper), bool [T]."""
    limit = np.full(series.shape[1], _STILL_RAD_S)
    limit[-1] = _STILL_M_S
    return np.asarray((speeds(series) < limit).all(axis=1), dtype=np.bool_)


def jerk(series: Series) -> float:
    """Root mean square of the jerk of joints 1-6 together (rad/s^3).

    Of the cubic that fits 0.3 s best: the third difference would be the encoder's noise.
    """
    if len(series) <= 2 * _FIT:
        return 0.0
    offsets = np.arange(-_FIT, _FIT + 1) / HZ
    third = np.linalg.pinv(np.vander(offsets, 4, increasing=True))[3] * 6.0
    found = [np.convolve(column, third[::-1], mode="valid") for column in series[:, :-1].T]
    return float(np.sqrt(np.square(found).sum(axis=0).mean()))


def spectral_arc_length(series: Series) -> float:
    """Smoothness of an arm's motion: the spectral arc length of its speed; nearer to 0 is smoother.

    Balasubramanian et al., "On the analysis of movement smoothness" (2015): the length of the
    normalised magnitude spectrum up to 10 Hz, or to where it last exceeds 0.05. 0: no motion.
    """
    speed = np.linalg.norm(speeds(series)[:, :-1], axis=1)
    if len(speed) < 4 or speed.max() < _STILL_RAD_S:
        return 0.0
    points = 2 ** int(np.ceil(np.log2(len(speed))) + 4)
    spectrum = np.abs(np.fft.rfft(speed, points))
    frequency = np.fft.rfftfreq(points, 1.0 / HZ)
    spectrum = spectrum[frequency <= _CUTOFF_HZ] / spectrum.max()
    last = int(np.flatnonzero(spectrum >= _AMPLITUDE)[-1])
    if last < 1:
        return 0.0
    heights = np.diff(spectrum[: last + 1])
    return float(-np.hypot(1.0 / last, heights).sum())


def following(leader: Series, follower: Series, moving: float) -> Following:
    """Lag and offset between two series of the same times.

    The lag is the one after which their difference varies least, so that an offset does not
    disturb it.

    Args:
        leader: [T, 7].
        follower: [T, 7].
        moving: Joints 1-6 that move less (rad) say nothing about the lag.
    """
    count = min(len(leader), len(follower))
    leader, follower = leader[:count], follower[:count]
    moves = np.flatnonzero(np.ptp(leader[:, :-1], axis=0) > moving)
    lags = range(min(int(_LONGEST_LAG_S * HZ) + 1, max(count // 2, 1)))
    best = 0
    if len(moves):
        spread = [_behind(leader, follower, lag)[:, moves].var(axis=0).sum() for lag in lags]
        best = int(np.argmin(spread))
    difference = _behind(leader, follower, best)
    offset = np.median(difference, axis=0)
    rest = np.percentile(np.abs(difference - offset)[:, :-1], 95, axis=0)
    return Following(best / HZ, tuple(offset.tolist()), float(rest.max()))


def _behind(leader: Series, follower: Series, lag: int) -> Series:
    return follower[lag:] - leader[: len(leader) - lag]


def travelled(series: Series) -> Series:
    """How far joints 1-6 have moved in all since the beginning (rad), float64 [T]."""
    steps = np.abs(np.diff(series[:, :-1], axis=0)).sum(axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])

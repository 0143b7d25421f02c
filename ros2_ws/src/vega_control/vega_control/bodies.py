"""Both arms as capsules, and distances between them, for many postures at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from vega_description import piper
from vega_description.transforms import pose

import hw_config

Array = NDArray[np.float64]

# Distance of any part of an arm from the axis of joint 1..6, at most (m); for the gripper, metres
# that a finger moves for each metre of opening.
LEVERS = np.array([0.80, 0.80, 0.50, 0.25, 0.24, 0.12, 0.5])
JOINTS = len(LEVERS)
_POINT = 1e-12


class _Capsule(NamedTuple):
    """Two ends in the frame of a link (0 is the base), and the radius; metres."""

    part: str
    link: int
    ends: tuple[tuple[float, float, float], tuple[float, float, float]]
    radius: float


# A little thicker than the links, grippers and camera brackets that vega_description draws.
_CAPSULES = (
    _Capsule("base", 0, ((0.0, 0.0, 0.0), (0.0, 0.0, 0.123)), 0.075),
    _Capsule("upper arm", 2, ((0.0, 0.0, 0.0), (0.285, 0.0, 0.0)), 0.040),
    _Capsule("forearm", 3, ((0.0, 0.0, 0.0), (0.022, 0.245, 0.0)), 0.040),
    _Capsule("wrist", 5, ((0.0, 0.0, 0.0), (0.0, 0.091, 0.0)), 0.034),
    _Capsule("hand", 6, ((-0.030, 0.0, 0.045), (0.030, 0.0, 0.045)), 0.026),
    _Capsule("camera bracket", 6, ((0.0, 0.040, 0.012), (0.0, 0.082, 0.012)), 0.018),
)
# Fingers run along link 6's z axis and open along its x axis.
_FINGER_RADIUS_M = 0.0105
_FINGER_Z_M = (piper.TOOL_OFFSET_M - 0.062, piper.TOOL_OFFSET_M - _FINGER_RADIUS_M)
_FINGER_MIDDLE_M = 0.0095

PARTS = (*(capsule.part for capsule in _CAPSULES), "finger", "finger")
RADII = np.array([*(capsule.radius for capsule in _CAPSULES), *[_FINGER_RADIUS_M] * 2])
MOVING = slice(1, None)
"""The capsules that are not bolted to the stand."""


class Bodies:
    """Places the capsules of both arms in `footprint`."""

    def __init__(self, hardware: hw_config.HardwareConfig) -> None:
        """Takes the bases of the arms from the cell's configuration."""
        bases = [pose(arm.base_xyz, arm.base_rpy) for arm in hardware.arms.values()]
        self._bases = np.array(bases)[:, :3]
        self._offsets = [pose(joint.xyz, joint.rpy) for joint in piper.JOINTS]
        self._signs = np.array([joint.sign for joint in piper.JOINTS], np.float64)
        self._points: dict[int, Array] = {}
        for link in sorted({capsule.link for capsule in _CAPSULES}):
            ends = [end for c in _CAPSULES if c.link == link for end in c.ends]
            if link == 6:
                ends += [(side, 0.0, z) for side in (-1.0, 1.0) for z in _FINGER_Z_M]
            self._points[link] = np.vstack([np.array(ends).T, np.ones(len(ends))])

    def capsules(self, postures: Array) -> tuple[Array, Array]:
        """Both ends of every capsule, each [N, 2, C, 3], of postures [N, 2 * 7] (rad, m)."""
        q = postures.reshape(-1, 2, JOINTS)
        frame = np.broadcast_to(self._bases, (len(q), 2, 3, 4))
        angles = self._signs * q[..., :6]
        cosines, sines = np.cos(angles), np.sin(angles)
        placed = [frame @ self._points[0]]
        for i, offset in enumerate(self._offsets):
            frame = frame @ offset
            c, s = cosines[..., i, None], sines[..., i, None]
            x, y = frame[..., 0].copy(), frame[..., 1]
            frame[..., 0] = c * x + s * y
            frame[..., 1] = c * y - s * x
            if i + 1 < 6 and i + 1 in self._points:
                placed.append(frame @ self._points[i + 1])
        placed.append(frame @ self._hands(q))
        points = np.concatenate(placed, axis=-1).swapaxes(-1, -2)
        return points[..., 0::2, :], points[..., 1::2, :]

    def _hands(self, q: Array) -> Array:
        """Points of link 6 with the fingers as far apart as the opening says."""
        points = np.broadcast_to(self._points[6], (*q.shape[:2], *self._points[6].shape)).copy()
        points[..., 0, -4:] *= (q[..., 6] / 2.0 + _FINGER_MIDDLE_M)[..., None]
        return points


def between_segments(p: Array, q: Array, r: Array, s: Array) -> Array:
    """Distances [N] between the segments p-q and r-s, each end [N, 3]."""
    first, second, apart = q - p, s - r, p - r
    a = np.maximum(_dot(first, first), _POINT)
    e = np.maximum(_dot(second, second), _POINT)
    b, c, f = _dot(first, second), _dot(first, apart), _dot(second, apart)
    # The nearest points of the two lines, moved onto the segments one after the other.
    steepness = a * e - b * b
    parallel = steepness <= _POINT
    along = np.where(parallel, 0.0, (b * f - c * e) / np.where(parallel, 1.0, steepness))
    along = np.clip(along, 0.0, 1.0)
    other = np.clip((b * along + f) / e, 0.0, 1.0)
    along = np.clip((b * other - c) / a, 0.0, 1.0)
    gap = apart + along[:, None] * first - other[:, None] * second
    return np.sqrt(_dot(gap, gap))


def _dot(u: Array, v: Array) -> Array:
    return np.einsum("ij,ij->i", u, v)

"""Rigid transforms in numpy: 4x4 poses, fixed-axis roll-pitch-yaw, quaternions (w, x, y, z)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def rpy_matrix(rpy: Sequence[float]) -> Array:
    """Rotation matrix [3,3] of fixed-axis roll, pitch, yaw in rad (the URDF convention)."""
    (cr, cp, cy), (sr, sp, sy) = np.cos(rpy), np.sin(rpy)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def pose(xyz: Sequence[float] = (0.0, 0.0, 0.0), rpy: Sequence[float] = (0.0, 0.0, 0.0)) -> Array:
    """Pose [4,4] from a position in m and roll, pitch, yaw in rad."""
    return pose_from(rpy_matrix(rpy), np.asarray(xyz, dtype=float))


def pose_from(rotation: Array, position: Array) -> Array:
    """Pose [4,4] from a rotation matrix [3,3] and a position [3]."""
    result = np.eye(4)
    result[:3, :3] = rotation
    result[:3, 3] = position
    return result


def inverse(transform: Array) -> Array:
    """Inverse of a rigid transform [4,4]."""
    rotation = transform[:3, :3].T
    return pose_from(rotation, -rotation @ transform[:3, 3])


def quaternion(rotation: Array) -> Array:
    """Unit quaternion [4] (w, x, y, z), w >= 0, of a rotation matrix [3,3]."""
    m = rotation
    diagonal = np.array([np.trace(m), m[0, 0], m[1, 1], m[2, 2]])
    largest = int(np.argmax(diagonal))
    if largest == 0:
        q = np.array([1 + diagonal[0], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]])
    else:
        i = largest - 1
        j, k = (i + 1) % 3, (i + 2) % 3
        q = np.empty(4)
        q[0] = m[k, j] - m[j, k]
        q[1 + i] = 1 + m[i, i] - m[j, j] - m[k, k]
        q[1 + j] = m[j, i] + m[i, j]
        q[1 + k] = m[k, i] + m[i, k]
    q /= np.linalg.norm(q)
    return -q if q[0] < 0 else q


def quaternion_matrix(q: Sequence[float] | Array) -> Array:
    """Rotation matrix [3,3] of a unit quaternion (w, x, y, z)."""
    w, x, y, z = q
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def rotation_vector(rotation: Array) -> Array:
    """Axis times angle [3] in rad of a rotation matrix [3,3]."""
    q = quaternion(rotation)
    sine = float(np.linalg.norm(q[1:]))
    if sine < 1e-12:
        return 2.0 * q[1:]
    return q[1:] / sine * 2.0 * np.arctan2(sine, q[0])


def rotation_about(vector: Array) -> Array:
    """Rotation matrix [3,3] of an axis times angle [3] in rad."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)

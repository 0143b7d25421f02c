"""Poses of every frame of the cell for a joint state, in `footprint`, without MuJoCo."""

from __future__ import annotations

import numpy as np

from hw_config import CameraConfig, HardwareConfig
from vega_description.kinematics import ArmKinematics
from vega_description.transforms import Array, pose, pose_from

# Optical frames look along z with x right, y down; camera bodies look along x with z up (REP 103).
OPTICAL_IN_BODY = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def arm_kinematics(hw: HardwareConfig) -> dict[str, ArmKinematics]:
    """Kinematics of both arms in `footprint`, with the configured joint limits."""
    result: dict[str, ArmKinematics] = {}
    for i, (side, arm) in enumerate(hw.arms.items()):
        joints = slice(7 * i, 7 * i + 6)
        result[side] = ArmKinematics(
            pose(arm.base_xyz, arm.base_rpy),
            np.array(hw.limits.lower[joints]),
            np.array(hw.limits.upper[joints]),
        )
    return result


def frame_poses(hw: HardwareConfig, joints: Array) -> dict[str, Array]:
    """Poses [4,4] in `footprint` of all frames.

    Args:
        hw: the cell.
        joints: [14] rad and m, in the order of `hw.joint_names`.

    Returns:
        `footprint`, `<side>_base_link`, `<side>_link1..6`, `<side>_flange`, `<side>_tool`, and for
        each camera its optical frame (`CameraConfig.frame_id`).
    """
    poses = {"footprint": np.eye(4)}
    for i, (side, arm) in enumerate(arm_kinematics(hw).items()):
        q = joints[7 * i : 7 * i + 6]
        poses[f"{side}_base_link"] = arm.base
        poses.update({f"{side}_link{n}": p for n, p in enumerate(arm.links(q), start=1)})
        poses[f"{side}_flange"], poses[f"{side}_tool"] = arm.flange(q), arm.tool(q)
    poses.update({c.frame_id: _optical(c, poses) for c in hw.cameras.values()})
    return poses


def _optical(camera: CameraConfig, poses: dict[str, Array]) -> Array:
    body = poses[camera.parent] @ pose(camera.xyz, camera.rpy)
    return body @ pose_from(OPTICAL_IN_BODY, np.zeros(3))

"""Joint vectors of a source in this robot's units: rad, and metres of a gripper's opening."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import hw_config
from teleop.export.demonstration import ExportError

WIDEST_GRIPPER_M = 0.11
"""Beyond this a gripper's opening is no Piper's in metres."""
KEPT_AS_IT_IS = 1.0
"""Gripper scale that leaves a source's unit."""
_WIDEST_JOINT_RAD = 2 * np.pi
_PLAY = (0.001, 0.0002)
"""What a joint (rad) or a gripper (m) may be beyond its limit without a word."""


def grippers() -> list[int]:
    """Places of the grippers in a joint vector."""
    names = hw_config.load().joint_names
    return [place for place, name in enumerate(names) if name.endswith("gripper")]


def in_robot_units(
    values: NDArray[Any], gripper_scale: float, degrees: bool
) -> NDArray[np.float32]:
    """Vectors [N, D] of this robot's joints.

    Args:
        values: [N, D], in the robot's order.
        gripper_scale: Metres a unit of the grippers.
        degrees: Joints are degrees, not radians.

    Raises:
        ExportError: They are no such vectors, or not finite.
    """
    dimension = len(hw_config.load().joint_names)
    if values.ndim != 2 or values.shape[1] != dimension:
        raise ExportError(f"expected joint vectors [N, {dimension}], got {list(values.shape)}")
    if not np.issubdtype(values.dtype, np.number):
        raise ExportError(f"expected numbers in joint vectors, got {values.dtype}")
    made = values.astype(np.float32)
    scale = np.full(dimension, np.pi / 180.0 if degrees else 1.0, np.float64)
    scale[grippers()] = gripper_scale
    made = (made * scale).astype(np.float32) if (scale != 1.0).any() else made
    if not np.isfinite(made).all():
        raise ExportError("a joint position is not finite")
    return made


def check_grippers(values: NDArray[np.float32]) -> None:
    """Refuses openings that are not in metres, such as the radians of older arms."""
    widest = float(np.abs(values[:, grippers()]).max(initial=0.0))
    if widest > WIDEST_GRIPPER_M:
        raise ExportError(
            f"grippers reach {widest:.3g}, in metres expected at most {WIDEST_GRIPPER_M}: say with "
            "--gripper-scale how many metres a unit is (0..1 of 70 mm: 0.07, 0..100: 0.0007)"
        )


def check_joints(values: NDArray[np.float32]) -> None:
    """Refuses angles that no joint of this robot has in radians."""
    joints = np.delete(np.abs(values), grippers(), axis=1)
    widest = float(joints.max(initial=0.0))
    if widest > _WIDEST_JOINT_RAD:
        raise ExportError(
            f"joints reach {widest:.4g}, expected radians: give --degrees if they are degrees"
        )


def outside_limits(values: NDArray[np.float32], what: str) -> str:
    """How many steps are outside of the robot's limits, and where; empty if none is."""
    hw = hw_config.load()
    play = np.full(len(hw.joint_names), _PLAY[0])
    play[grippers()] = _PLAY[1]
    lower, upper = np.asarray(hw.limits.lower), np.asarray(hw.limits.upper)
    beyond = (values < lower - play) | (values > upper + play)
    if not beyond.any():
        return ""
    said = [
        f"{name} {values[:, place].min():.4g}..{values[:, place].max():.4g} "
        f"of {lower[place]:g}..{upper[place]:g}"
        for place, name in enumerate(hw.joint_names)
        if beyond[:, place].any()
    ]
    count = int(beyond.any(axis=1).sum())
    return f"{count} of {len(values)} {what} lie outside of the robot's limits: {', '.join(said)}"

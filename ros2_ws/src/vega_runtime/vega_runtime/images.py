"""rgb8 images between numpy and ROS, without a copy too many."""

from __future__ import annotations

import array

import numpy as np
from builtin_interfaces.msg import Time
from sensor_msgs.msg import CameraInfo, Image


def to_message(image: np.ndarray, stamp: Time, frame_id: str) -> Image:
    """Image message of an rgb8 picture, uint8 [H, W, 3]."""
    height, width, _ = image.shape
    message = Image(height=height, width=width, encoding="rgb8", step=3 * width)
    message.header.stamp = stamp
    message.header.frame_id = frame_id
    # An array.array takes rclpy's buffer path; bytes would be checked element by element.
    data = array.array("B")
    data.frombytes(image.tobytes())
    message.data = data
    return message


def from_message(message: Image) -> np.ndarray:
    """The picture of an rgb8 message, uint8 [H, W, 3]; shares the message's memory.

    Raises:
        ValueError: The encoding is not rgb8, or the data does not fit the size.
    """
    if message.encoding != "rgb8":
        raise ValueError(f"expected an rgb8 image, got {message.encoding!r}")
    size = message.height * message.step
    if message.step != 3 * message.width or len(message.data) != size:
        raise ValueError(
            f"expected {message.height} rows of {3 * message.width} bytes, "
            f"got {len(message.data)} bytes in rows of {message.step}"
        )
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)


def camera_info(
    stamp: Time, frame_id: str, width: int, height: int, vertical_fov_rad: float
) -> CameraInfo:
    """CameraInfo of an ideal pinhole camera with square pixels."""
    focal = 0.5 * height / np.tan(0.5 * vertical_fov_rad)
    cx, cy = 0.5 * (width - 1), 0.5 * (height - 1)
    info = CameraInfo(height=height, width=width, distortion_model="plumb_bob")
    info.header.stamp = stamp
    info.header.frame_id = frame_id
    info.d = [0.0] * 5
    info.k = [focal, 0.0, cx, 0.0, focal, cy, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [focal, 0.0, cx, 0.0, 0.0, focal, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info

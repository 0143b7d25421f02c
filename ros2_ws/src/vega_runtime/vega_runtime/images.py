"""rgb8 images between numpy and ROS, without a copy too many, and the topics of a camera."""

from __future__ import annotations

import array

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from hw_config import CameraConfig
from vega_runtime.qos import SENSOR


class CameraPublisher:
    """Publishes the images of one camera with their camera_info.

    One message object a topic, filled anew each time.
    """

    def __init__(self, node: Node, camera: CameraConfig) -> None:
        self._image = node.create_publisher(Image, f"{camera.namespace}/image_raw", SENSOR)
        self._info = node.create_publisher(CameraInfo, f"{camera.namespace}/camera_info", SENSOR)
        self._info_message: CameraInfo | None = None
        blank = np.zeros((camera.height, camera.width, 3), np.uint8)
        self._message = to_message(blank, Time(), camera.frame_id)
        # The array is the message's own; pixels are copied into it once, and no object is made.
        self._pixels = np.frombuffer(self._message.data, np.uint8).reshape(blank.shape)

    @property
    def wanted(self) -> bool:
        """Whether somebody listens to the images."""
        return bool(self._image.get_subscription_count() > 0)

    def describe(self, info: CameraInfo) -> None:
        """Takes what camera_info tells from now on; before, none is published."""
        self._info_message = info

    def publish(self, pixels: NDArray[np.uint8], stamp: Time) -> None:
        """Publishes an image, uint8 [H, W, 3]."""
        np.copyto(self._pixels, pixels)
        self._message.header.stamp = stamp
        self._image.publish(self._message)
        if self._info_message is not None:
            self._info_message.header.stamp = stamp
            self._info.publish(self._info_message)


def to_message(image: np.ndarray, stamp: Time, frame_id: str) -> Image:
    """Image message of rgb8 pixels, uint8 [H, W, 3]."""
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
    """The pixels of an rgb8 message, uint8 [H, W, 3]; shares the message's memory.

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


def pinhole_camera_info(
    frame_id: str, width: int, height: int, vertical_fov_rad: float
) -> CameraInfo:
    """CameraInfo of an ideal pinhole camera with square pixels; its stamp is not set."""
    focal = float(0.5 * height / np.tan(0.5 * vertical_fov_rad))
    centre = (0.5 * (width - 1), 0.5 * (height - 1))
    return camera_info(frame_id, (width, height), (focal, focal), centre, [0.0] * 5)


def camera_info(
    frame_id: str,
    size: tuple[int, int],
    focal: tuple[float, float],
    centre: tuple[float, float],
    distortion: list[float],
    model: str = "plumb_bob",
) -> CameraInfo:
    """CameraInfo of a camera that is not rectified; its stamp is not set.

    Args:
        frame_id: The camera's frame.
        size: Width and height in pixels.
        focal: Focal lengths in pixels, horizontally and vertically.
        centre: Principal point in pixels.
        distortion: Coefficients of the model.
        model: As in sensor_msgs/distortion_models.hpp.
    """
    (width, height), (fx, fy), (cx, cy) = size, focal, centre
    info = CameraInfo(height=height, width=width, distortion_model=model, d=distortion)
    info.header.frame_id = frame_id
    info.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info

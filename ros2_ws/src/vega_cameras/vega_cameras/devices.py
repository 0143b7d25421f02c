"""Finds RealSense devices by their serial numbers."""

from __future__ import annotations

import pyrealsense2 as rs

import hw_config
from hw_config import CameraConfig


class CameraError(RuntimeError):
    """A camera cannot be used; the text says which one, why and what to do.

    Attributes:
        needs_hands: Trying again is of no use before somebody has changed something.
    """

    def __init__(self, text: str, needs_hands: bool = False) -> None:
        super().__init__(text)
        self.needs_hands = needs_hands


def name_of(camera: CameraConfig) -> str:
    """The camera for people: `head camera (D435, serial 0123)`."""
    return f"{camera.name} camera ({camera.model}, serial {camera.serial})"


def info(device: rs.device, key: rs.camera_info) -> str:
    """A property of a device, or an empty text where it has none."""
    return str(device.get_info(key)) if device.supports(key) else ""


class Devices:
    """The devices of an SDK context.

    Args:
        context: An `rs.context`; software devices and recordings live in one that is given.
    """

    def __init__(self, context: rs.context) -> None:
        self.context = context

    def find(self, camera: CameraConfig) -> rs.device:
        """The device of a camera.

        Raises:
            CameraError: No device has its serial number, or the device is another model.
        """
        # A device that vanishes while it is listed is false.
        listed = [device for device in self.context.query_devices() if device]
        found = {info(device, rs.camera_info.serial_number): device for device in listed}
        device = found.get(camera.serial)
        if device is None:
            there = ", ".join(
                f"{serial} ({info(d, rs.camera_info.name)})" for serial, d in sorted(found.items())
            )
            raise CameraError(
                f"{name_of(camera)} is not connected; found: {there or 'no RealSense device'}. "
                f"Check its cable, or set its serial number in {hw_config.config_dir()}/"
                f"cameras.yaml (cameras.{camera.name}.serial)",
                needs_hands=True,
            )
        model = info(device, rs.camera_info.name)
        if camera.model not in model:
            raise CameraError(
                f"{name_of(camera)}: the device with this serial number is a {model}. Are two "
                f"serial numbers swapped in {hw_config.config_dir()}/cameras.yaml?",
                needs_hands=True,
            )
        return device

    def reset(self, camera: CameraConfig) -> bool:
        """Restarts the device's firmware; False where there is no device, or none that can."""
        try:
            self.find(camera).hardware_reset()
        except (CameraError, RuntimeError):
            return False
        return True

"""One software RealSense device, which fails when it is told to."""

from __future__ import annotations

import math
import threading
import time

import numpy as np
import pyrealsense2 as rs
from numpy.typing import NDArray

from hw_config import CameraConfig

FAULTS = {
    "camera_silent": "sends no frames",
    "camera_frozen": "sends the same image again and again, until it is reset",
    "camera_stuck": "sends the same frame number and stamp, until it is reset",
    "camera_gone": "is unplugged",
    "camera_usb2": "is unplugged and plugged into a USB 2 port",
    "camera_time_jump": "its clock is one hour ahead",
    "camera_no_global_time": "stamps by its own clock",
}
_HEALED_BY_RESET = ("camera_frozen", "camera_stuck")
_JUMP_MS = 3_600_000.0
_OPTIONS = (
    (rs.option.exposure, 1.0, 10000.0, 1.0, 156.0),
    (rs.option.gain, 0.0, 128.0, 1.0, 64.0),
    (rs.option.white_balance, 2800.0, 6500.0, 10.0, 4600.0),
    (rs.option.enable_auto_exposure, 0.0, 1.0, 1.0, 1.0),
    (rs.option.enable_auto_white_balance, 0.0, 1.0, 1.0, 1.0),
    (rs.option.auto_exposure_priority, 0.0, 1.0, 1.0, 1.0),
    (rs.option.global_time_enabled, 0.0, 1.0, 1.0, 0.0),
)


class SoftwareCamera:
    """Looks to the SDK like the D435 or D405 that hw_config names.

    A D435 has a colour sensor beside its stereo module, a D405 only the stereo module.

    Args:
        config: Which camera.
        serial: Another serial number than that of hw_config.

    Attributes:
        fault: A key of `FAULTS`, or empty.
        device: The SDK's device, another one after each boot.
        sensor: Its sensor that gives the colour, to look at its options.
        pushed: Frames that were sent so far.
    """

    def __init__(self, config: CameraConfig, serial: str | None = None) -> None:
        self.config = config
        self.fault = ""
        self.pushed = 0
        self._serial = serial or config.serial
        self._lock = threading.Lock()
        self._number = 0
        self._repeated: NDArray[np.uint8] | None = None
        self._stuck: tuple[int, float] | None = None
        self._noise = _Noise(config)
        self.boot()

    def boot(self) -> rs.software_device:
        """A new device in place of the old one, which gives no more frames to who has it open."""
        device = rs.software_device()
        for key, value in (
            (rs.camera_info.name, f"Intel RealSense {self.config.model}"),
            (rs.camera_info.serial_number, self._serial),
            (rs.camera_info.firmware_version, "5.16.0.1"),
            (rs.camera_info.usb_type_descriptor, self._usb()),
            (rs.camera_info.physical_port, f"emulated-{self.config.name}"),
        ):
            device.register_info(key, value)
        stereo = device.add_sensor("Stereo Module")
        self._add_stream(stereo, rs.stream.depth, rs.format.z16, 2, 0)
        colour = stereo if self.config.model == "D405" else device.add_sensor("RGB Camera")
        profile = self._add_stream(colour, rs.stream.color, rs.format.rgb8, 3, 1)
        for option, low, high, step, default in _OPTIONS:
            colour.add_option(option, _range(low, high, step, default), True)
        with self._lock:
            self.device, self.sensor, self._profile, self._number = device, colour, profile, 0
        return device

    def _usb(self) -> str:
        return "2.1" if self.fault == "camera_usb2" else "3.2"

    def set_fault(self, fault: str) -> None:
        """Begins to fail in this way, or with an empty text to work again."""
        with self._lock:
            self.fault = fault
            self._repeated = self._stuck = None

    def reset(self) -> None:
        """What a hardware reset cures; the device also boots."""
        if self.fault in _HEALED_BY_RESET:
            self.set_fault("")

    def push(self, pixels: NDArray[np.uint8], captured_ns: int | None = None) -> None:
        """Sends an image, as the fault lets it.

        Args:
            pixels: uint8 [H, W, 3].
            captured_ns: Time of capture on the system clock; now by default.
        """
        with self._lock:
            if self.fault in ("camera_silent", "camera_gone"):
                return
            self._number += 1
            self._send(pixels, (captured_ns or time.time_ns()) * 1e-6)

    def _send(self, pixels: NDArray[np.uint8], stamp_ms: float) -> None:
        number = self._number
        noisy = self._noise.on(pixels, number)
        if self.fault == "camera_frozen":
            noisy = self._repeated = noisy if self._repeated is None else self._repeated
        elif self.fault == "camera_stuck":
            number, stamp_ms = self._stuck = self._stuck or (number, stamp_ms)
        elif self.fault == "camera_time_jump":
            stamp_ms += _JUMP_MS
        frame = rs.software_video_frame()
        frame.pixels = noisy
        frame.stride = noisy.strides[0]
        frame.bpp = 3
        frame.timestamp = stamp_ms
        frame.domain = rs.timestamp_domain.global_time
        if self.fault == "camera_no_global_time":
            frame.timestamp, frame.domain = stamp_ms % 4.3e6, rs.timestamp_domain.hardware_clock
        frame.frame_number = number
        frame.profile = self._profile
        key = rs.frame_metadata_value
        self.sensor.set_metadata(key.time_of_arrival, time.time_ns() // 1_000_000)
        self.sensor.set_metadata(key.actual_exposure, 211)
        self.sensor.set_metadata(key.gain_level, 32)
        self.sensor.set_metadata(key.white_balance, 3900)
        self.sensor.on_video_frame(frame)
        self.pushed += 1

    def _add_stream(
        self, sensor: rs.software_sensor, kind: rs.stream, form: rs.format, bpp: int, uid: int
    ) -> rs.video_stream_profile:
        stream = rs.video_stream()
        stream.type, stream.fmt, stream.bpp = kind, form, bpp
        stream.index, stream.uid = 0, uid
        stream.width, stream.height = self.config.width, self.config.height
        stream.fps = self.config.fps
        stream.intrinsics = intrinsics(self.config)
        return sensor.add_video_stream(stream).as_video_stream_profile()


def intrinsics(config: CameraConfig) -> rs.intrinsics:
    """The ideal pinhole camera that the twin renders with."""
    made = rs.intrinsics()
    made.width, made.height = config.width, config.height
    half_fov = 0.5 * math.radians(config.vertical_fov_deg)
    made.fx = made.fy = 0.5 * config.height / math.tan(half_fov)
    made.ppx, made.ppy = 0.5 * (config.width - 1), 0.5 * (config.height - 1)
    made.model = rs.distortion.brown_conrady
    made.coeffs = [0.0] * 5
    return made


def _range(low: float, high: float, step: float, default: float) -> rs.option_range:
    # The constructor of the SDK's Python swaps step and default.
    made = rs.option_range()
    made.min, made.max, made.step, made.default = low, high, step, default
    return made


class _Noise:
    """The lowest bit of every pixel, at random: no two images of a sensor are the same."""

    def __init__(self, config: CameraConfig) -> None:
        self._shape = (config.height, config.width, 3)
        self._size = config.height * config.width * 3
        bits = np.random.default_rng(0).integers(0, 2, self._size + 256, dtype=np.uint8)
        self._bits = bits

    def on(self, pixels: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
        if pixels.shape != self._shape or pixels.dtype != np.uint8:
            raise ValueError(f"expected uint8 {self._shape}, got {pixels.dtype} {pixels.shape}")
        begin = number % 256
        noise = self._bits[begin : begin + self._size].reshape(self._shape)
        return np.bitwise_xor(pixels, noise)

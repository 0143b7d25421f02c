"""Opens every camera, lets all of them stream for a moment, and measures."""

from __future__ import annotations

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pyrealsense2 as rs

from hw_config import CameraConfig, HardwareConfig
from vega_cameras.colour_stream import ColourStream
from vega_cameras.device_source import attach
from vega_cameras.devices import CameraError, Devices, info
from vega_cameras.doctor import checks
from vega_cameras.doctor.checks import CameraFacts
from vega_cameras.stamps import Stamper
from vega_core.findings import Finding

_FIRST_FRAME_S = 4.0
_MEASURE_S = 1.5


class _Opened(NamedTuple):
    camera: CameraFacts
    stream: ColourStream | None


def survey(hardware: HardwareConfig, robot: str) -> list[Finding]:
    """Checks every camera of the cell; `robot` is `real` or `emulated`."""
    configs = list(hardware.cameras.values())
    source = attach("usb" if robot == "real" else "pattern", configs)
    try:
        found = measure(configs, source.devices)
    finally:
        source.close()
    return [row for config in configs for row in checks.judge(config, found[config.name])]


def measure(configs: list[CameraConfig], devices: Devices) -> dict[str, CameraFacts]:
    """Opens the cameras one after the other, then measures all at once, as they will be used."""
    opened = {config.name: _open(config, devices) for config in configs}
    with ThreadPoolExecutor(len(opened)) as pool:
        return dict(zip(opened, pool.map(_measured, opened.values())))


def _open(config: CameraConfig, devices: Devices) -> _Opened:
    try:
        device = devices.find(config)
    except CameraError as error:
        return _Opened(CameraFacts(problem=str(error)), None)
    camera = CameraFacts(
        found=True,
        firmware=info(device, rs.camera_info.firmware_version),
        usb=info(device, rs.camera_info.usb_type_descriptor),
        port=info(device, rs.camera_info.physical_port),
    )
    try:
        # USB 2 is a row of its own.
        allowed = config.model_copy(update={"allow_usb2": True})
        return _Opened(camera, ColourStream(device, allowed))
    except CameraError as error:
        return _Opened(dataclasses.replace(camera, problem=str(error)), None)


def _measured(opened: _Opened) -> CameraFacts:
    camera, stream = opened
    if stream is None:
        return camera
    try:
        if stream.read(_FIRST_FRAME_S) is None:
            problem = "it was started but sends no frame. Unplug it and plug it in again"
            return dataclasses.replace(camera, problem=problem)
        stamper, frames, age_s = Stamper(), 0, 0.0
        begun_s = time.monotonic()
        while time.monotonic() < begun_s + _MEASURE_S:
            frame = stream.read(0.2)
            if frame is not None:
                frames += 1
                age_s = (time.time_ns() - stamper.stamp_ns(frame, time.time_ns())) * 1e-9
        hz = frames / (time.monotonic() - begun_s)
        return dataclasses.replace(camera, hz=hz, age_s=age_s, stamps=stamper.trouble)
    finally:
        stream.close()

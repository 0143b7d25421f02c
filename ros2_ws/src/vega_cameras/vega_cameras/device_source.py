"""Where the devices come from: USB, software devices or recordings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyrealsense2 as rs

from hw_config import CameraConfig
from vega_cameras.devices import Devices
from vega_cameras.emulation.devices import EmulatedDevices
from vega_cameras.emulation.frame_link import LinkReader
from vega_cameras.emulation.pattern import Feeder, Pattern
from vega_cameras.emulation.recordings import RecordedDevices
from vega_cameras.emulation.twin_feed import TwinFeed


@dataclass
class DeviceSource:
    """Devices, and what must be closed with them."""

    devices: Devices
    _closes: list[Callable[[], object]] = field(default_factory=list)

    def inject(self, kind: str, target: str) -> None:
        """Makes a software camera fail; see `EmulatedDevices.inject`.

        Raises:
            ValueError: There is no such fault or camera, or the cameras are not software.
        """
        if not isinstance(self.devices, EmulatedDevices):
            raise ValueError("only software cameras fail when they are told to")
        self.devices.inject(kind, target)

    def close(self) -> None:
        """Ends the threads that feed software cameras."""
        for close in self._closes:
            close()


def attach(kind: str, configs: Sequence[CameraConfig]) -> DeviceSource:
    """The source of a name: `usb`, `pattern`, `twin`, or a folder of recordings.

    Raises:
        CameraError: A recording is missing or cannot be read.
        ValueError: There is neither such a source nor such a folder.
    """
    if kind == "usb":
        return DeviceSource(Devices(rs.context()))
    if kind not in ("pattern", "twin"):
        folder = Path(kind)
        if not folder.is_dir():
            raise ValueError(
                f"devices is {kind!r}; expected usb, pattern, twin or a folder of recordings"
            )
        return DeviceSource(RecordedDevices(folder))
    devices = EmulatedDevices(configs)
    if kind == "twin":
        feed = TwinFeed(devices.cameras, LinkReader())
        return DeviceSource(devices, [feed.stop])
    return DeviceSource(
        devices, [Feeder(c, Pattern(c.config)).stop for c in devices.cameras.values()]
    )

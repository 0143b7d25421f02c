"""Devices that are not on USB in one SDK context, and the cell's software cameras in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

import pyrealsense2 as rs

from hw_config import CameraConfig
from vega_cameras.devices import CameraError, Devices
from vega_cameras.emulation.software_camera import FAULTS, SoftwareCamera

_REBOOT_S = 0.3
_UNPLUGGED = ("camera_gone", "camera_usb2")


class Sockets(Devices):
    """An SDK context into which software devices and recordings are plugged by name.

    The context itself keeps only a weak reference to such a device: who holds the list that
    announces it keeps it plugged in, who drops that list pulls the plug.
    """

    def __init__(self) -> None:
        super().__init__(rs.context())
        self._lock = threading.RLock()
        self._plugged: dict[str, rs.device_list] = {}
        self._announced: list[rs.device_list] = []
        self.context.set_devices_changed_callback(self._note)

    def insert(self, name: str, add: Callable[[rs.context], object]) -> None:
        """Plugs a device in by a call that adds it to the context; one that is in stays."""
        with self._lock:
            if name not in self._plugged:
                self._announced.clear()
                add(self.context)
                self._plugged[name] = self._announced.pop()

    def remove(self, name: str) -> None:
        """Pulls the plug."""
        with self._lock:
            self._plugged.pop(name, None)

    def _note(self, information: rs.event_information) -> None:
        arrived = information.get_new_devices()
        if len(arrived):
            self._announced.append(arrived)


class EmulatedDevices(Sockets):
    """Software cameras that can be unplugged, plugged in and reset, which the SDK's own cannot.

    Args:
        configs: Which cameras.
        serials: Other serial numbers than those of hw_config, by camera.
        reboot_s: Time that a camera is away after a reset.

    Attributes:
        cameras: The software cameras by name.
        resets: How often each was reset.
    """

    def __init__(
        self,
        configs: Iterable[CameraConfig],
        serials: Mapping[str, str] | None = None,
        reboot_s: float = _REBOOT_S,
    ) -> None:
        super().__init__()
        self._reboot_s = reboot_s
        self.cameras: dict[str, SoftwareCamera] = {
            config.name: SoftwareCamera(config, (serials or {}).get(config.name))
            for config in configs
        }
        self.resets: dict[str, int] = dict.fromkeys(self.cameras, 0)
        for name in self.cameras:
            self.attach(name)

    def attach(self, name: str) -> None:
        """The camera boots and is listed from now on."""
        self.insert(name, lambda context: self.cameras[name].boot().add_to(context))

    def inject(self, kind: str, target: str) -> None:
        """Makes a camera fail, or with `none` all (or the one that is named) work again.

        Args:
            kind: A key of `FAULTS`, or `none`.
            target: The camera's name; may be empty for `none`.

        Raises:
            ValueError: There is no such fault or camera.
        """
        if kind not in FAULTS and kind != "none":
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join(FAULTS)}, none")
        if target not in self.cameras and not (kind == "none" and not target):
            raise ValueError(f"unknown camera {target!r}; known: {', '.join(self.cameras)}")
        for name in [target] if target else list(self.cameras):
            camera = self.cameras[name]
            if kind in _UNPLUGGED or camera.fault in _UNPLUGGED:
                self.remove(name)
            camera.set_fault("" if kind == "none" else kind)
            if kind != "camera_gone":
                self.attach(name)

    def reset(self, camera: CameraConfig) -> bool:
        try:
            self.find(camera)
        except CameraError:
            return False
        name = camera.name
        self.resets[name] += 1
        self.remove(name)
        self.cameras[name].reset()
        timer = threading.Timer(self._reboot_s, self._rebooted, (name,))
        timer.daemon = True
        timer.start()
        return True

    def _rebooted(self, name: str) -> None:
        if self.cameras[name].fault != "camera_gone":
            self.attach(name)

"""All cameras of the cell: started one after another, each kept running on its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent import futures

from hw_config import CameraConfig
from vega_cameras.camera import Camera, Options
from vega_cameras.devices import CameraError, Devices, name_of
from vega_cameras.frames import Frame


class Rig:
    """The cameras by name.

    Args:
        configs: Which cameras.
        devices: Where they are looked for.
        options: How they are treated.
        deliver: Gets a camera's name and every frame, in that camera's thread.
        notify: Gets a sentence when a camera fails and when it is back, in that camera's thread.
    """

    def __init__(
        self,
        configs: Iterable[CameraConfig],
        devices: Devices,
        options: Options,
        deliver: Callable[[str, Frame], None],
        notify: Callable[[str], None],
    ) -> None:
        start_lock = threading.Lock()
        self._start_most_s = options.start_most_s
        self.cameras: dict[str, Camera] = {
            config.name: Camera(
                config, devices, options, start_lock, _named(config.name, deliver), notify
            )
            for config in configs
        }

    def start(self) -> None:
        """Starts one camera after the other; when one cannot be started, none stays open.

        Raises:
            CameraError: The text names every camera that could not be started, and why.
        """
        try:
            failures = [text for camera in self.cameras.values() if (text := self._failure(camera))]
        except Exception:
            self.stop()
            raise
        if failures:
            self.stop()
            raise CameraError("\n".join(failures))

    def _failure(self, camera: Camera) -> str:
        """Starts a camera; returns why it could not be started, or an empty text."""
        try:
            camera.start().result(self._start_most_s)
        except CameraError as error:
            return str(error)
        except futures.TimeoutError:
            return f"{name_of(camera.config)} does not start, the SDK hangs; unplug the camera"
        return ""

    def stop(self) -> list[str]:
        """Closes all cameras; returns the names of those whose thread hangs in the SDK."""
        for camera in self.cameras.values():
            camera.ask_to_stop()
        return [name for name, camera in self.cameras.items() if not camera.stop()]


def _named(name: str, deliver: Callable[[str, Frame], None]) -> Callable[[Frame], None]:
    return lambda frame: deliver(name, frame)

"""Feeds software cameras with the twin's images."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vega_cameras.emulation.frame_link import LinkReader
from vega_cameras.emulation.software_camera import SoftwareCamera


class TwinFeed:
    """Pushes every image of the twin into its camera.

    A camera goes on while the world stands still: until the twin has sent its first image the
    cameras see grey, and while it pauses (a new scene) the last image again. A twin that says
    nothing for long is dead, and the cameras fall silent.

    Args:
        cameras: The software cameras by name.
        link: Where the twin's images come from; is closed by `stop`.
        paused_s: After this time without an image the last one is sent again.
        dead_s: After this time it is not.
    """

    def __init__(
        self,
        cameras: Mapping[str, SoftwareCamera],
        link: LinkReader,
        paused_s: float = 0.2,
        dead_s: float = 5.0,
    ) -> None:
        self._paused_s, self._dead_s = paused_s, dead_s
        self._cameras = cameras
        self._link = link
        self._period_s = 1.0 / max(camera.config.fps for camera in cameras.values())
        self._newest: dict[str, NDArray[np.uint8]] = {}
        self._seen_s: dict[str, float] = {}
        self._pushed_s = dict.fromkeys(cameras, 0.0)
        self._stamp_ns: dict[str, int] = dict.fromkeys(cameras, 0)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="twin's images", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and the link."""
        self._stopping.set()
        self._thread.join()
        self._link.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            image = self._link.read(self._period_s)
            now_s = time.monotonic()
            if image is not None and image.camera in self._cameras:
                self._newest[image.camera] = image.pixels
                self._seen_s[image.camera] = self._pushed_s[image.camera] = now_s
                self._push(image.camera, image.pixels, image.captured_ns)
            for name in self._cameras:
                self._bridge(name, now_s)

    def _bridge(self, name: str, now_s: float) -> None:
        """Repeats what the camera sees while the twin has nothing new."""
        seen_s = self._seen_s.get(name)
        pause_s = self._period_s if seen_s is None else self._paused_s
        if now_s - self._pushed_s[name] < pause_s:
            return
        if seen_s is not None and now_s - seen_s > self._dead_s:
            return
        camera = self._cameras[name]
        image = self._newest.get(name)
        if image is None:
            image = np.full((camera.config.height, camera.config.width, 3), 96, np.uint8)
        self._pushed_s[name] = now_s
        self._push(name, image, time.time_ns())

    def _push(self, name: str, pixels: NDArray[np.uint8], captured_ns: int) -> None:
        # An image that was rendered during a pause is no older than what bridged the pause.
        self._stamp_ns[name] = max(captured_ns, self._stamp_ns[name] + 1000)
        self._cameras[name].push(pixels, self._stamp_ns[name])

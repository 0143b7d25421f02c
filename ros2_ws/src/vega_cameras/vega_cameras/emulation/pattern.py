"""A test image that moves, and the thread that feeds a software camera with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hw_config import CameraConfig
from vega_cameras.emulation.software_camera import SoftwareCamera

Source = Callable[[int], NDArray[np.uint8]]
"""Gives the image [H, W, 3] of a number."""

_PIXELS_A_FRAME = 4
_BAR = 8  # rows at the lower edge that show the number in binary
_BITS = 16


class Pattern:
    """Coloured bars that wander, over a bar that shows the frame's number in binary."""

    def __init__(self, config: CameraConfig) -> None:
        self._width = config.width
        ramp = np.arange(2 * config.width) * 256 // 64
        rows = np.linspace(0, 255, config.height).astype(np.int64)[:, None]
        wide = np.stack([ramp + 0 * rows, ramp // 2 + rows, 255 - rows + 0 * ramp], axis=2)
        self._wide = (wide % 256).astype(np.uint8)

    def __call__(self, number: int) -> NDArray[np.uint8]:
        begin = number * _PIXELS_A_FRAME % self._width
        image = self._wide[:, begin : begin + self._width].copy()
        cell = self._width // _BITS
        for bit in range(_BITS):
            image[-_BAR:, bit * cell : (bit + 1) * cell] = 255 * (number >> bit & 1)
        return image


def number_in(image: NDArray[np.uint8]) -> int:
    """The number that a pattern shows (its lowest 16 bits)."""
    cell = image.shape[1] // _BITS
    row = image[-_BAR // 2, cell // 2 :: cell, 0][:_BITS]
    return sum(1 << bit for bit, value in enumerate(row) if value > 127)


class Feeder:
    """Pushes the images of a source into a software camera at the camera's rate."""

    def __init__(self, camera: SoftwareCamera, source: Source) -> None:
        self._camera = camera
        self._source = source
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"feeds {camera.config.name}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        period_s = 1.0 / self._camera.config.fps
        due_s = time.monotonic()
        number = 0
        while not self._stopping.wait(max(due_s - time.monotonic(), 0.0)):
            self._camera.push(self._source(number))
            number += 1
            due_s += period_s

"""What a camera delivers, what is counted about it, and how it reaches the ROS thread."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_DEPTH = 3


@dataclass(frozen=True)
class Frame:
    """An image.

    Attributes:
        pixels: uint8 [H, W, 3]; the SDK's memory, so hold on to few of them.
        stamp_ns: Time of capture on the system clock.
        number: The device's count.
    """

    pixels: NDArray[np.uint8]
    stamp_ns: int
    number: int


@dataclass
class Counters:
    """What happened to a camera since it was started."""

    frames: int = 0
    lost: int = 0
    repeated: int = 0
    failures: int = 0
    resets: int = 0
    returns: int = 0


class Mailbox:
    """Holds the newest few frames until the ROS thread takes them, oldest first.

    A short hold-up of a busy computer costs no frame; a long one costs the oldest.

    Attributes:
        superseded: Frames that newer ones pushed out before anybody took them.
    """

    def __init__(self, depth: int = _DEPTH) -> None:
        self.superseded = 0
        self._lock = threading.Lock()
        self._frames: deque[Frame] = deque(maxlen=depth)

    def put(self, frame: Frame) -> bool:
        """Leaves a frame; returns whether one more is there than before, to be announced."""
        with self._lock:
            full = len(self._frames) == self._frames.maxlen
            self._frames.append(frame)
            self.superseded += full
        return not full

    def take(self) -> Frame | None:
        """The oldest frame that is there."""
        with self._lock:
            return self._frames.popleft() if self._frames else None

    def clear(self) -> None:
        """Throws away what is there."""
        with self._lock:
            self._frames.clear()

"""What a camera delivers, and what is counted about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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

"""Reads a serialised sensor_msgs/Image without making a message of it.

Three cameras bring 83 MB/s; of most frames only the stamp is looked at. The layout is that of CDR
(OMG DDSI-RTPS 2.2, 10.2): four bytes that tell the byte order, then the fields, each aligned to
its own size.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_BODY = 4
_STAMP = {0: struct.Struct(">iI"), 1: struct.Struct("<iI")}
_COUNT = {0: struct.Struct(">I"), 1: struct.Struct("<I")}


class _Reader:
    """Walks over the fields behind the stamp."""

    def __init__(self, cdr: bytes) -> None:
        self._cdr = cdr
        self._count = _COUNT[cdr[1] & 1]
        self.at = _BODY + 8

    def count(self) -> int:
        self.at += -(self.at - _BODY) % 4
        (value,) = self._count.unpack_from(self._cdr, self.at)
        self.at += 4
        return int(value)

    def text(self) -> str:
        length = self.count()
        value = self._cdr[self.at : self.at + max(length - 1, 0)].decode("ascii", "replace")
        self.at += length
        return value


class Layout(NamedTuple):
    """What stands before the pixels, and where they begin."""

    height: int
    width: int
    encoding: str
    step: int
    size: int
    begin: int


def stamp_s(cdr: bytes) -> float:
    """Capture time of the frame in seconds."""
    sec, nanosec = _STAMP[cdr[1] & 1].unpack_from(cdr, _BODY)
    return float(sec + nanosec * 1e-9)


def layout(cdr: bytes) -> Layout:
    """The fields before the pixels."""
    reader = _Reader(cdr)
    reader.text()  # frame_id
    height, width, encoding = reader.count(), reader.count(), reader.text()
    reader.at += 1  # is_bigendian, which means nothing for bytes
    step, size = reader.count(), reader.count()
    return Layout(height, width, encoding, step, size, reader.at)


def picture(cdr: bytes) -> NDArray[np.uint8]:
    """The rgb8 picture, uint8 [H, W, 3], read-only; shares the memory of `cdr`.

    Raises:
        ValueError: The encoding is not rgb8, or the data does not fit the size.
    """
    try:
        found = layout(cdr)
    except struct.error:
        raise ValueError(f"an image message of {len(cdr)} bytes is cut short") from None
    if found.encoding != "rgb8":
        raise ValueError(f"expected an rgb8 image, got {found.encoding!r}")
    whole = found.height * found.width * 3
    if found.step != 3 * found.width or found.size != whole or len(cdr) < found.begin + whole:
        raise ValueError(
            f"expected {found.height} rows of {3 * found.width} bytes, "
            f"got {found.size} bytes in rows of {found.step}"
        )
    pixels = np.frombuffer(cdr, np.uint8, count=whole, offset=found.begin)
    return pixels.reshape(found.height, found.width, 3)

"""Reads a serialised sensor_msgs/Image without making a message of it.

Three cameras bring 83 MB/s; of most frames only the stamp is looked at. The layout is that of CDR
(OMG DDSI-RTPS 2.2, 10.2): four bytes that tell the byte order, then the fields, each aligned to
its own size.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vega_core.stamps import NS

_BODY = 4
_STAMP = {0: struct.Struct(">iI"), 1: struct.Struct("<iI")}
_COUNT = {0: struct.Struct(">I"), 1: struct.Struct("<I")}

Bytes = bytes | memoryview


class WrongEncoding(ValueError):
    """An image has an encoding that is not wanted."""


class ImageHeader(NamedTuple):
    """What stands before the pixels, and where they begin.

    Attributes:
        stamp_ns: Capture time.
        frame_id: Frame of the camera.
        height: Rows.
        width: Columns.
        encoding: As in sensor_msgs/image_encodings.h.
        step: Bytes of a row.
        size: Bytes of the pixels.
        begin: Offset of the pixels.
    """

    stamp_ns: int
    frame_id: str
    height: int
    width: int
    encoding: str
    step: int
    size: int
    begin: int


class _Reader:
    """Walks over the fields behind the stamp."""

    def __init__(self, cdr: Bytes) -> None:
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
        value = bytes(self._cdr[self.at : self.at + max(length - 1, 0)]).decode("utf-8", "replace")
        self.at += length
        return value


def _stamp(cdr: Bytes) -> tuple[int, int]:
    sec, nanosec = _STAMP[cdr[1] & 1].unpack_from(cdr, _BODY)
    return int(sec), int(nanosec)


def stamp_ns(cdr: Bytes) -> int:
    """Stamp (ns) of any message that begins with a header."""
    sec, nanosec = _stamp(cdr)
    return sec * NS + nanosec


def stamp_s(cdr: Bytes) -> float:
    """Stamp (s) of any message that begins with a header."""
    sec, nanosec = _stamp(cdr)
    return sec + nanosec * 1e-9


def read_header(cdr: Bytes) -> ImageHeader:
    """The fields before the pixels.

    Raises:
        ValueError: The message is cut short.
    """
    try:
        reader = _Reader(cdr)
        frame_id = reader.text()
        height, width, encoding = reader.count(), reader.count(), reader.text()
        reader.at += 1  # is_bigendian, which means nothing for bytes
        step, size = reader.count(), reader.count()
        return ImageHeader(stamp_ns(cdr), frame_id, height, width, encoding, step, size, reader.at)
    except (struct.error, IndexError):
        raise ValueError(f"an image message of {len(cdr)} bytes is cut short") from None


def read_image(
    cdr: Bytes, encodings: Sequence[str] = ("rgb8",)
) -> tuple[ImageHeader, NDArray[np.uint8]]:
    """Header and pixels, uint8 [H, W, 3], read-only; they share the memory of `cdr`.

    Args:
        cdr: The message.
        encodings: Those wanted, of three bytes a pixel.

    Raises:
        WrongEncoding: The encoding is another one.
        ValueError: The message is cut short, or its data does not fit the size.
    """
    header = read_header(cdr)
    if header.encoding not in encodings:
        raise WrongEncoding(f"expected an {' or '.join(encodings)} image, got {header.encoding!r}")
    whole = header.height * header.width * 3
    row = 3 * header.width
    if header.step != row or header.size != whole or len(cdr) < header.begin + whole:
        raise ValueError(
            f"expected {header.height} rows of {row} bytes, "
            f"got {header.size} bytes in rows of {header.step}"
        )
    pixels = np.frombuffer(cdr, np.uint8, count=whole, offset=header.begin)
    return header, pixels.reshape(header.height, header.width, 3)


def rgb_pixels(cdr: Bytes) -> NDArray[np.uint8]:
    """The pixels of an rgb8 image; see `read_image`."""
    return read_image(cdr)[1]

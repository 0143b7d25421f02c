"""Images from another process on this machine: shared memory, and a datagram for each.

The reader (the cameras) owns both. The writer (the twin) never waits: a reader that is busy or not
there costs it nothing.

    link = LinkWriter()
    link.write("head", pixels)  # in the twin, uint8 [H, W, 3]; False when nobody reads
"""

from __future__ import annotations

import mmap
import os
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_SLOTS = 12  # three cameras, four images each
_SLOT_BYTES = 1920 * 1080 * 3
_NOTE = struct.Struct("<16sIQQHH")  # camera, slot, sequence, captured_ns, height, width
_SEQUENCE = struct.Struct("<Q")
_SLOT_STRIDE = _SLOT_BYTES + 64
_FOLDER = Path("/dev/shm")


@dataclass(frozen=True)
class LinkedImage:
    """An image of the other process.

    Attributes:
        camera: Its camera's name.
        captured_ns: On the system clock.
        pixels: uint8 [H, W, 3].
    """

    camera: str
    captured_ns: int
    pixels: NDArray[np.uint8]


def default_name() -> str:
    """The same for the processes of one ROS domain, and for no others."""
    return f"vega_frames_{os.getuid()}_{os.environ.get('ROS_DOMAIN_ID') or 0}"


class LinkReader:
    """Receives images; there is one reader a name.

    Raises:
        OSError: Another process reads this name already.
    """

    def __init__(self, name: str | None = None) -> None:
        name = name or default_name()
        self._path = _FOLDER / name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.bind(f"\0{name}")
        except OSError:
            self._socket.close()
            raise OSError(
                f"another cameras node takes the twin's images already (link {name}); end it, or "
                "use another ROS_DOMAIN_ID"
            ) from None
        # A new file: whoever still writes to that of an earlier reader finds out.
        self._path.unlink(missing_ok=True)
        with open(self._path, "x+b") as file:
            os.ftruncate(file.fileno(), _SLOTS * _SLOT_STRIDE)
            self._memory = mmap.mmap(file.fileno(), 0)
        self.torn = 0

    def read(self, timeout_s: float) -> LinkedImage | None:
        """The next image, or None when none comes in time; `close` ends the wait."""
        self._socket.settimeout(max(timeout_s, 1e-3))
        try:
            note = self._socket.recv(_NOTE.size)
        except (TimeoutError, OSError):
            return None
        if len(note) != _NOTE.size:
            return None
        name, slot, sequence, captured_ns, height, width = _NOTE.unpack(note)
        begin = slot * _SLOT_STRIDE
        size = 3 * height * width
        if slot >= _SLOTS or size > _SLOT_BYTES:
            return None
        pixels = np.frombuffer(self._memory, np.uint8, size, begin + _SEQUENCE.size).copy()
        if _SEQUENCE.unpack_from(self._memory, begin)[0] != sequence:
            # Overwritten meanwhile: a newer one is on its way.
            self.torn += 1
            return None
        camera = name.rstrip(b"\0").decode("ascii", "replace")
        return LinkedImage(camera, captured_ns, pixels.reshape(height, width, 3))

    def close(self) -> None:
        """Ends the link; writers find nobody."""
        self._socket.close()
        self._path.unlink(missing_ok=True)
        self._memory.close()


class LinkWriter:
    """Sends images to the reader of a name, when there is one."""

    def __init__(self, name: str | None = None) -> None:
        name = name or default_name()
        self._path = _FOLDER / name
        self._address = f"\0{name}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._memory: mmap.mmap | None = None
        self._inode = -1
        self._sequence = 0

    def write(self, camera: str, pixels: NDArray[np.uint8], captured_ns: int | None = None) -> bool:
        """Sends an image.

        Args:
            camera: Its camera's name.
            pixels: uint8 [H, W, 3].
            captured_ns: Time of capture on the system clock; now by default.

        Returns:
            Whether somebody took note of it.
        """
        if not self._attach() or self._memory is None:
            return False
        captured_ns = captured_ns or time.time_ns()
        self._sequence += 1
        slot = self._sequence % _SLOTS
        begin = slot * _SLOT_STRIDE
        height, width, _ = pixels.shape
        # The number is wrong while pixels are written: a reader that is late notices.
        _SEQUENCE.pack_into(self._memory, begin, 0)
        data = np.ascontiguousarray(pixels).reshape(-1)
        np.frombuffer(self._memory, np.uint8, data.size, begin + _SEQUENCE.size)[:] = data
        _SEQUENCE.pack_into(self._memory, begin, self._sequence)
        name = camera.encode("ascii")
        note = _NOTE.pack(name, slot, self._sequence, captured_ns, height, width)
        try:
            self._socket.sendto(note, self._address)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Ends the link on this side."""
        self._socket.close()
        if self._memory is not None:
            self._memory.close()

    def _attach(self) -> bool:
        try:
            inode = os.stat(self._path).st_ino
            if inode != self._inode:
                with open(self._path, "r+b") as file:
                    memory = mmap.mmap(file.fileno(), 0)
                self._memory, self._inode = memory, inode
        except (OSError, ValueError):
            return False
        return len(self._memory or b"") >= _SLOTS * _SLOT_STRIDE

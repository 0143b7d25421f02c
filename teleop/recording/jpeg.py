"""Images become JPEG in threads of their own; OpenCV works without Python's lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from teleop.dataset.cdr import compressed_image
from teleop.errors import EpisodeDamaged, TeleopError
from vega_core import cdr_image

_CHANNELS = {"rgb8": cv2.COLOR_RGB2BGR, "bgr8": None}


class Image(NamedTuple):
    """An image that came as a sensor_msgs/Image."""

    stamp_ns: int
    frame_id: str
    encoding: str
    pixels: NDArray[np.uint8]


def read_image(data: bytes | memoryview) -> Image:
    """The image in a serialised sensor_msgs/Image, uint8 [H, W, 3]; shares its memory.

    Raises:
        TeleopError: It is not an rgb8 or bgr8 image, or is cut short.
    """
    try:
        header, pixels = cdr_image.read_image(data, tuple(_CHANNELS))
    except cdr_image.WrongEncoding as error:
        raise TeleopError(str(error)) from None
    except ValueError as error:
        raise EpisodeDamaged(str(error)) from None
    return Image(header.stamp_ns, header.frame_id, header.encoding, pixels)


def encode(image: Image, quality: int) -> bytes:
    """The image as a JPEG file."""
    conversion = _CHANNELS[image.encoding]
    pixels = image.pixels if conversion is None else cv2.cvtColor(image.pixels, conversion)
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise TeleopError("OpenCV cannot encode an image")
    return bytes(data)


def to_compressed(data: bytes | memoryview, quality: int) -> bytes:
    """A serialised sensor_msgs/Image as a serialised sensor_msgs/CompressedImage."""
    image = read_image(data)
    return compressed_image(image.stamp_ns, image.frame_id, encode(image, quality))


Done = Callable[[bytes], None]
Failed = Callable[[str], None]


class _Job(NamedTuple):
    data: bytes
    done: Done
    failed: Failed


_Queue = SimpleQueue["_Job | None"]


class Encoders:
    """Encodes images in a few threads, those of one lane in the order in which they came.

    Args:
        threads: How many.
        quality: Of the JPEGs, 1 to 100.
        most_waiting: Images that may wait; one more is refused.
    """

    def __init__(self, threads: int, quality: int, most_waiting: int) -> None:
        # OpenCV's own threads would spin beside ours.
        cv2.setNumThreads(1)
        self._quality, self._most_waiting = quality, most_waiting
        self._changed = threading.Condition()
        self._unfinished = 0
        self._closing = False
        self._queues: list[_Queue] = [SimpleQueue() for _ in range(threads)]
        self._threads = [
            threading.Thread(target=self._work, args=(queue,), name="encoder", daemon=True)
            for queue in self._queues
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Images that were taken and are not done yet."""
        return self._unfinished

    def offer(self, lane: int, data: bytes, done: Done, failed: Failed) -> bool:
        """Takes a serialised sensor_msgs/Image; never waits.

        Args:
            lane: Images of one camera have the same.
            data: The message.
            done: Gets the serialised sensor_msgs/CompressedImage, in an encoder's thread.
            failed: Gets what is wrong with the image, instead.

        Returns:
            Whether it was taken.
        """
        with self._changed:
            if self._closing or self._unfinished >= self._most_waiting:
                return False
            self._unfinished += 1
        self._queues[lane % len(self._queues)].put(_Job(data, done, failed))
        return True

    def drain(self, timeout_s: float) -> bool:
        """Waits until everything taken is done; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._unfinished == 0, timeout_s)

    def close(self) -> None:
        """Ends the threads; what still waits is not encoded."""
        with self._changed:
            self._closing = True
        for queue in self._queues:
            queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self, queue: _Queue) -> None:
        while (job := queue.get()) is not None and not self._closing:
            try:
                job.done(to_compressed(job.data, self._quality))
            except Exception as error:
                # Whatever it is, the next image must be encoded.
                job.failed(str(error))
            finally:
                with self._changed:
                    self._unfinished -= 1
                    if not self._unfinished:
                        self._changed.notify_all()

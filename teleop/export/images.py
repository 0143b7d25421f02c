"""Images between JPEG files, RGB arrays and the frames of a video encoder.

A JPEG file holds luma and chroma by BT.601 over the full range 0..255 (JFIF). A video holds the
same by BT.601 over the limited range (luma 16..235, chroma 16..240), because players and decoders
assume that for images of this size when nothing is said; the files say it as well. From JPEG to
video only the range changes, plane by plane, and no pixel is converted to RGB and back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import av
import av.error
import av.video.plane
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from teleop.export.demonstration import Demonstration, ExportError, Image, StepImage
from teleop.export.workers import until_stopped

Made = TypeVar("Made")

_PNG = b"\x89PNG\r\n\x1a\n"
_END = b"\xff\xd9"
_TRAIL = 16  # bytes that some cameras leave behind the end
_FULL = np.arange(256, dtype=np.float64)
_LUMA = np.rint(16.0 + _FULL * 219.0 / 255.0).astype(np.uint8)
_CHROMA = np.rint(128.0 + (_FULL - 128.0) * 224.0 / 255.0).astype(np.uint8)


def rgb(image: Image) -> NDArray[np.uint8]:
    """An image as uint8 [H, W, 3].

    Raises:
        ExportError: It is no JPEG file, or a damaged one.
    """
    if not isinstance(image, bytes):
        return image
    return np.asarray(cv2.cvtColor(_bgr(image), cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _bgr(data: bytes) -> NDArray[np.uint8]:
    _check_whole(data)
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if decoded is None:
        raise ExportError("an image cannot be decoded")
    return np.asarray(decoded, dtype=np.uint8)


def _check_whole(data: bytes) -> None:
    if not data.startswith(_PNG) and not is_whole_jpeg(data):
        raise ExportError("an image cannot be decoded: it is no whole JPEG or PNG file")


def is_whole_jpeg(data: bytes) -> bool:
    """Whether these bytes begin and end as a JPEG file does; zeros may follow.

    Decoders make something grey of one that was cut short, and say nothing.
    """
    return data.startswith(b"\xff\xd8") and _END in data.rstrip(b"\0")[-_TRAIL:]


def is_encoded(data: bytes) -> bool:
    """Whether these bytes begin like a JPEG or PNG file."""
    return data.startswith((b"\xff\xd8\xff", _PNG))


def kept_if_jpeg(data: bytes) -> Image:
    """A JPEG file as it is; any other image file as RGB [H, W, 3].

    Raises:
        ExportError: It is no image file, or a damaged one.
    """
    return rgb(data) if data.startswith(_PNG) else data


def size(image: Image) -> tuple[int, int]:
    """Height and width."""
    height, width = rgb(image).shape[:2]
    return height, width


def swapped_jpeg(image: Image, quality: int) -> bytes:
    """A JPEG file with red and blue exchanged, from which OpenCV's decoder makes RGB.

    Files of ALOHA and RoboTwin are like this: RGB arrays were given to cv2.imencode, which takes
    them for BGR.
    """
    ok, data = cv2.imencode(".jpg", rgb(image), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise ExportError("an image cannot be encoded as JPEG")
    return data.tobytes()


def rgb_of_swapped_jpeg(data: bytes) -> NDArray[np.uint8]:
    """The RGB array that was given to cv2.imencode: decoded the same way, nothing exchanged.

    Raises:
        ExportError: It is no JPEG file, or a damaged one.
    """
    return _bgr(data)


def converted(
    demonstration: Demonstration, convert: Callable[[StepImage], Made]
) -> Iterator[tuple[str, int, Made]]:
    """Camera, step, and what becomes of the image, in one pass over the source.

    Raises:
        ExportError: An image is damaged; it says which.
        Stopped: The work was given up.
    """
    for each in until_stopped(demonstration.images.read()):
        with at_step(each.camera, each.step, each.source):
            made = convert(each)
        yield each.camera, each.step, made


@contextmanager
def at_step(camera: str, step: int, source: int) -> Iterator[None]:
    """What is wrong with an image within is refused by its camera, step and place in the source."""
    try:
        yield
    except ExportError as error:
        which = f"step {step}" + (f" (image {source})" if source != step else "")
        raise ExportError(f"{camera}, {which}: {error}") from None


class FrameMaker:
    """Makes frames for an encoder: yuv420p, BT.601, limited range."""

    def __init__(self, height: int, width: int) -> None:
        self._size = (height, width)
        self._decoder = av.CodecContext.create("mjpeg", "r")
        self._decoder.thread_count = 1

    def frame(self, image: Image) -> av.VideoFrame:
        """The frame of an image.

        Raises:
            ExportError: It is damaged, or of another size.
        """
        source = self._decoded(image) if isinstance(image, bytes) else _from_rgb(image)
        if (source.height, source.width) != self._size:
            raise ExportError(
                f"an image has {source.width}x{source.height} pixels, expected "
                f"{self._size[1]}x{self._size[0]}"
            )
        if source.format.name == "yuvj420p":
            return _limited(source)
        return source.reformat(
            format="yuv420p",
            src_colorspace=Colorspace.ITU601,
            dst_colorspace=Colorspace.ITU601,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )

    def _decoded(self, data: bytes) -> av.VideoFrame:
        _check_whole(data)
        try:
            frames = self._decoder.decode(av.Packet(data))
        except (av.error.FFmpegError, ValueError) as error:
            raise ExportError(f"an image cannot be decoded ({error})") from None
        if len(frames) != 1 or frames[0].is_corrupt:
            raise ExportError("an image cannot be decoded")
        return frames[0]


def _from_rgb(image: NDArray[np.uint8]) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")


def _limited(source: av.VideoFrame) -> av.VideoFrame:
    """The same image, its planes mapped from the full to the limited range."""
    made = av.VideoFrame(source.width, source.height, "yuv420p")
    for old, new, table in zip(source.planes, made.planes, (_LUMA, _CHROMA, _CHROMA)):
        values = _pixels(old)
        cv2.LUT(values, table, dst=_pixels(new))
    return made


def _pixels(plane: av.video.plane.VideoPlane) -> NDArray[np.uint8]:
    """A view of a plane without the padding at the ends of its rows."""
    rows = np.frombuffer(memoryview(plane), np.uint8)[: plane.height * plane.line_size]
    return rows.reshape(plane.height, plane.line_size)[:, : plane.width]

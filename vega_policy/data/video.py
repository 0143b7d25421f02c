"""Images of an episode out of a video that holds many episodes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vega_policy.errors import DatasetError

_TOLERANCE = 0.25
"""By how much of a step an image may be early or late."""


class Header(NamedTuple):
    """What a video says of itself.

    Attributes:
        height: Of an image, pixels.
        width: Of an image, pixels.
        fps: Images a second; None where it does not say.
        end_s: When the last image ends; None where it does not say.
    """

    height: int
    width: int
    fps: float | None
    end_s: float | None


def header(path: Path) -> Header:
    """What a video says of itself; no image is decoded.

    Raises:
        DatasetError: The file is missing or no video, or PyAV is not installed.
    """
    av = _pyav()
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            rate, begin, length = stream.average_rate, stream.start_time or 0, stream.duration
            end_s = None if length is None else float((begin + length) * stream.time_base)
            return Header(stream.height, stream.width, float(rate) if rate else None, end_s)
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise _unreadable(path, error) from None


def images(
    path: Path, start_s: float, fps: float, steps: NDArray[np.int64]
) -> Iterator[NDArray[np.uint8]]:
    """Decodes images of an episode.

    Args:
        path: The video.
        start_s: When the episode begins in it.
        fps: Steps a second.
        steps: Those whose images are wanted, rising.

    Yields:
        RGB uint8 [H, W, 3] for each.

    Raises:
        DatasetError: The video is missing, damaged, too short, or of another rate.
    """
    av = _pyav()
    wanted = iter(steps.tolist())
    step = next(wanted, None)
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            container.seek(_ticks(stream, start_s + (step or 0) / fps), stream=stream)
            for frame in container.decode(stream):
                if step is None:
                    return
                if frame.time is None:
                    continue
                at = (frame.time - start_s) * fps
                if at < step - 0.5:
                    continue
                if abs(at - step) > _TOLERANCE:
                    raise DatasetError(
                        f"{path}: the image of {start_s + step / fps:.3f} s is missing, the next "
                        f"one is of {frame.time:.3f} s, expected {fps:g} images a second"
                    )
                yield frame.to_ndarray(format="rgb24")
                step = next(wanted, None)
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise _unreadable(path, error) from None
    if step is not None:
        raise DatasetError(
            f"{path} ends before {start_s + step / fps:.3f} s, where an image is expected: it was "
            "cut short, fetch it again"
        )


def _ticks(stream: Any, at_s: float) -> int:
    """A time in the stream's unit; earlier by the tolerance of its rounding."""
    return max(int(at_s / stream.time_base) - 1, 0)


def _unreadable(path: Path, error: Exception) -> DatasetError:
    if not path.is_file():
        return DatasetError(f"{path} is missing: the dataset was not copied or written to its end")
    return DatasetError(f"{path} is no readable video ({error}): fetch it again")


def _pyav() -> Any:
    try:
        import av
        import av.error
    except ImportError:
        raise DatasetError(
            "reading the videos of a LeRobot dataset needs PyAV: pip install 'av>=14.0'"
        ) from None
    return av

"""Writes h264 videos."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from numpy.typing import NDArray


class VideoWriter:
    """An mp4 of equally spaced frames; use it in a `with` block."""

    def __init__(self, path: Path, fps: float) -> None:
        self._container = av.open(str(path), "w")
        self._stream = self._container.add_stream("h264", rate=Fraction(fps).limit_denominator())
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"preset": "veryfast", "crf": "23"}
        self._started = False

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Appends a frame [H,W,3]; the first one fixes the size (both even)."""
        if not self._started:
            self._stream.height, self._stream.width = frame.shape[:2]
            self._started = True
        image = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        self._container.mux(self._stream.encode(image))

    def close(self) -> None:
        """Writes what is left and closes the file."""
        if self._started:
            self._container.mux(self._stream.encode(None))
        self._container.close()

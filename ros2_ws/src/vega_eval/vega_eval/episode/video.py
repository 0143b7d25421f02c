"""The video of an episode: all cameras side by side over a caption, written while it runs."""

from __future__ import annotations

import itertools
import os
import queue
import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from vega_core.caption import Caption

CameraImage = NDArray[np.uint8]
Frame = tuple[float, list[CameraImage | None]]
_TIME_BASE = Fraction(1, 1000)
_WAITING_FRAMES = 8
_NICENESS = 10
_OUTCOME_S = 1.5  # for which the last image stays and says how it ended
_OPTIONS = {"preset": "ultrafast", "crf": "23", "tune": "zerolatency"}


class EpisodeVideo:
    """Encodes in a thread of low priority, so that the control loop is not disturbed.

    Args:
        path: the MP4 to write.
        fps: nominal frames a second; a frame's own time counts.
        tile: width and height of one camera's image in the video, pixels.
        wait: `add` waits for an encoder that does not keep up, where nothing runs in real time.
        title: stands below the images, with the time; without one there is no caption.
    """

    def __init__(
        self,
        path: Path,
        fps: int,
        tile: tuple[int, int] = (320, 240),
        wait: bool = False,
        title: str = "",
    ) -> None:
        self._path = path
        self._fps = fps
        self._tile = tile
        self._wait = wait
        self._title = title
        self._outcome = ""
        self._frames: queue.Queue[Frame | None] = queue.Queue(_WAITING_FRAMES)
        self.skipped = 0
        """Frames left out because the encoder had not kept up, or has failed."""
        self.problem = ""
        """Why the video is not complete; empty while it is well."""
        self._thread = threading.Thread(target=self._run, name="video", daemon=True)
        self._thread.start()

    def add(self, time_s: float, images: Sequence[CameraImage | None]) -> None:
        """Adds one frame: an image a camera, uint8 [H, W, 3], None where none has come yet."""
        try:
            self._frames.put((time_s, list(images)), block=self._wait)
        except queue.Full:
            self.skipped += 1

    def close(self, outcome: str = "") -> None:
        """Encodes what is waiting and completes the file; the last image says how it ended."""
        self._outcome = outcome
        self._frames.put(None)
        self._thread.join()

    def _run(self) -> None:
        # Linux gives every thread a niceness of its own.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        frames = iter(self._frames.get, None)
        try:
            self._encode(frames)
        except (OSError, av.FFmpegError) as error:
            self.problem = f"{self._path} is not complete: {error.strerror or error}"
            # Frames go on coming; nobody may wait for this thread to take them.
            self.skipped += sum(1 for _ in frames)

    def _encode(self, frames: Iterator[Frame]) -> None:
        first = next(frames, None)
        if first is None:
            return
        with av.open(str(self._path), "w", options={"movflags": "faststart"}) as file:
            stream = file.add_stream("libx264", rate=self._fps, options=_OPTIONS)
            width = self._tile[0] * len(first[1])
            caption = Caption(width, self._title) if self._title else None
            stream.width = width
            stream.height = self._tile[1] + (caption.height if caption else 0)
            stream.pix_fmt = "yuv420p"
            stream.thread_count = 1
            stream.time_base = stream.codec_context.time_base = _TIME_BASE
            start_s, last = first[0], -1

            def show(pixels: CameraImage, at: int, outcome: str = "") -> None:
                if caption:
                    strip = caption.strip(last * float(_TIME_BASE), outcome)
                    pixels = np.concatenate([pixels, strip])
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = at, _TIME_BASE
                file.mux(stream.encode(frame))

            for time_s, images in itertools.chain([first], frames):
                last = max(last + 1, round((time_s - start_s) / _TIME_BASE))
                pixels = self._side_by_side(images)
                show(pixels, last)
            if caption and self._outcome:
                for later in (1.0 / self._fps, _OUTCOME_S):
                    show(pixels, last + round(later / _TIME_BASE), self._outcome)
            file.mux(stream.encode(None))

    def _side_by_side(self, images: Sequence[CameraImage | None]) -> CameraImage:
        width, height = self._tile
        tiles = [
            np.zeros((height, width, 3), np.uint8)
            if image is None
            else cv2.resize(image, self._tile, interpolation=cv2.INTER_AREA)
            for image in images
        ]
        return np.concatenate(tiles, axis=1)

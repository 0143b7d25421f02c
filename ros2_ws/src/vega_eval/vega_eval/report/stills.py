"""What failed trials looked like: a few small frames of each video, small enough for one page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from vega_eval.report.evaluation import Played

MOST_BYTES = 400_000
"""Of all pictures of a page together."""

_FRAMES, _SIZE, _QUALITY = 4, (132, 99), 68
_TYPICAL_BYTES = 3500  # of one frame
_TILE = 4 / 3  # width by height of one camera's picture in a video


def strips(trials: Sequence[Played]) -> dict[tuple[str, int, int], bytes]:
    """A strip of frames, as JPEG, of each trial that has a readable video, by `place`.

    The more trials, the fewer frames of each; the last ones have none where all would be too much.
    """
    filmed = [trial for trial in trials if trial.video]
    room = MOST_BYTES // (_TYPICAL_BYTES * max(len(filmed), 1))
    found: dict[tuple[str, int, int], bytes] = {}
    left = MOST_BYTES
    for trial in filmed:
        assert trial.video is not None
        strip = _strip(trial.video, min(max(room, 1), _FRAMES))
        if strip and len(strip) <= left:
            left -= len(strip)
            found[place(trial)] = strip
    return found


def place(trial: Played) -> tuple[str, int, int]:
    """Which attempt of which session."""
    return trial.record.session, trial.record.trial, trial.record.attempt


def _strip(video: Path, frames: int) -> bytes:
    tiles = list(_tiles(video, frames))
    if not tiles:
        return b""
    done, data = cv2.imencode(
        ".jpg", np.concatenate(tiles, axis=1), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    return bytes(data) if done else b""


def _tiles(video: Path, frames: int) -> Iterator[NDArray[np.uint8]]:
    """The first camera at moments spread over the video; the last one is its end."""
    try:
        with av.open(str(video)) as file:
            stamps = sorted(p.pts for p in file.demux(video=0) if p.pts is not None)
        wanted = {stamps[_at(n, frames, len(stamps))] for n in range(frames)}
        with av.open(str(video)) as file:
            for frame in file.decode(video=0):
                if frame.pts in wanted:
                    yield _first_camera(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
    except (av.FFmpegError, OSError, IndexError, ValueError):
        # A video that a crash cut off has no pictures to show; the page says so.
        return


def _at(number: int, frames: int, pictures: int) -> int:
    last = pictures - 1
    return last if frames == 1 else round(number * last / (frames - 1))


def _first_camera(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    width = min(round(picture.shape[0] * _TILE), picture.shape[1])
    small = cv2.resize(picture[:, :width], _SIZE, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)

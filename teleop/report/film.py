"""Film strips: what an episode looks like, in one small image."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from teleop.dataset.reader import Recorded, open_episode
from teleop.errors import EpisodeDamaged
from vega_core.stamps import NS

FRAMES = 8
_WIDTH, _HEIGHT, _FRAME, _GAP, _QUALITY = 134, 99, 2, 8, 72

Image = NDArray[np.uint8]


class Film(NamedTuple):
    """A film strip.

    Attributes:
        jpeg: The first camera's images from left to right, then one of each other camera.
        times_s: When those of the first camera were taken, from the beginning of the episode.
        cameras: The first camera, and the others in the order of their images.
    """

    jpeg: bytes
    times_s: tuple[float, ...]
    cameras: tuple[str, ...]


def film(folder: Path) -> Film:
    """The film strip of a sealed episode; what cannot be decoded is grey.

    Raises:
        EpisodeDamaged: The episode cannot be read.
    """
    with open_episode(folder) as recorded:
        first, *others = recorded.layout.cameras
        stamps = recorded.image_stamps(first)
        spread = np.linspace(0, max(len(stamps) - 1, 0), FRAMES).round().astype(int).tolist()
        places = spread if len(stamps) else []
        times = [float(stamps[place] - recorded.info.start_ns) / NS for place in places]
        tiles = _tiles(recorded, first, places) or [_grey()]
        for camera in others:
            middle = len(recorded.image_stamps(camera)) // 2
            tiles.append(np.full((_HEIGHT, _GAP, 3), 255, np.uint8))
            tiles += _tiles(recorded, camera, [middle]) or [_grey()]
        done, data = cv2.imencode(
            ".jpg", np.concatenate(tiles, axis=1), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        )
        if not done:
            raise EpisodeDamaged(f"{folder}: OpenCV cannot encode its film strip")
        return Film(bytes(data), tuple(round(t, 2) for t in times), (first, *others))


def _tiles(recorded: Recorded, camera: str, places: list[int]) -> list[Image]:
    """Small images of a camera by their places; none where there is none."""
    wanted = set(places)
    found = {
        number: _small(jpeg)
        for number, (_, jpeg) in enumerate(recorded.images(camera))
        if number in wanted
    }
    return [found[place] for place in places if place in found]


def _small(jpeg: bytes) -> Image:
    # Half is enough for 640 x 480, and smaller ones are enlarged rather than blurred further.
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_REDUCED_COLOR_2)
    if image is None:
        return _grey()
    tile = _grey()
    size = (_WIDTH - _FRAME, _HEIGHT)
    tile[:, : size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return tile


def _grey() -> Image:
    tile = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    tile[:, : _WIDTH - _FRAME] = 190
    return tile

"""What an episode's images show: nothing, the same all the time, or another camera's view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from teleop.dataset.reader import Recorded
from teleop.export.images import is_whole_jpeg
from teleop.quality.motion import EpisodeMotion
from teleop.quality.thresholds import Thresholds
from vega_core.stamps import NS

SAMPLES_A_SECOND = 5
_WHITE = 250
_SIGNATURE = (8, 6)  # columns, rows
_FEWEST_CHANGES = 8
_ALIKE_ARMS = 0.9  # correlation of both arms' motion, beyond which nobody can tell them apart

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class CameraQuality:
    """The images of one camera; all are compared, some a second are looked at.

    Attributes:
        camera: Its name.
        size: Width and height; (0, 0) if no image could be decoded.
        looked_at: How many were decoded.
        undecodable: Images that are no whole JPEG, or cannot be decoded.
        undecodable_at: The first of them by its number, from 0; -1 if there is none.
        other_size_at: The first image of another size than the first one's; -1 if there is none.
        black, white, flat: Share of those looked at that are black, over-exposed, empty.
        brightness: Mean of those looked at (0 to 255).
        frozen_s: Longest time in which the image stayed the same, though its arms moved (s).
        frozen_at_s: When that began, from the beginning of the episode.
        signature: The mean image, coarse, uint8 [6, 8, 3] (BGR).
        change: By how much the image changes a radian of each arm that moves (levels).
    """

    camera: str
    size: tuple[int, int]
    looked_at: int
    undecodable: int
    undecodable_at: int
    other_size_at: int
    black: float
    white: float
    flat: float
    brightness: float
    frozen_s: float
    frozen_at_s: float
    signature: Image
    change: Mapping[str, float] = field(default_factory=dict)


def camera_quality(
    recorded: Recorded, camera: str, motion: EpisodeMotion, limits: Thresholds
) -> CameraQuality:
    """Measures a camera's images.

    Raises:
        EpisodeDamaged: The file cannot be read.
    """
    appearance = _Appearance(limits)
    sizes: dict[tuple[int, int], int] = {}
    bad: list[int] = []
    stamps = recorded.image_stamps(camera)
    same = np.zeros(len(stamps), dtype=bool)
    before = b""
    next_ns = 0
    for number, (stamp_ns, jpeg) in enumerate(recorded.images(camera)):
        same[number] = jpeg == before
        before = jpeg
        whole = is_whole_jpeg(jpeg)
        if whole and stamp_ns >= next_ns:
            small = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_REDUCED_COLOR_8)
            whole = small is not None
            if small is not None:
                next_ns = stamp_ns + NS // SAMPLES_A_SECOND
                appearance.add(stamp_ns, np.asarray(small, dtype=np.uint8))
        if whole:
            sizes.setdefault(_size(jpeg), number)
        else:
            bad.append(number)
    travelled = motion.travelled(_moved_by(camera, motion), stamps)
    frozen_s, frozen_at_ns = _frozen(stamps, same, travelled, limits)
    return CameraQuality(
        camera=camera,
        size=max(sizes, default=(0, 0)),
        looked_at=appearance.count,
        undecodable=len(bad),
        undecodable_at=bad[0] if bad else -1,
        other_size_at=sorted(sizes.values())[1] if len(sizes) > 1 else -1,
        black=appearance.share("black"),
        white=appearance.share("white"),
        flat=appearance.share("flat"),
        brightness=appearance.brightness,
        frozen_s=round(frozen_s, 3),
        frozen_at_s=max(round((frozen_at_ns - recorded.info.start_ns) / NS, 3), 0.0),
        signature=appearance.signature,
        change=appearance.change(motion, limits),
    )


class _Appearance:
    """Collects what is seen in images of an eighth of the size."""

    def __init__(self, limits: Thresholds) -> None:
        self._limits = limits
        self._bad = {"black": 0, "white": 0, "flat": 0}
        self._stamps: list[int] = []
        self._grey: list[Image] = []
        self._sum: NDArray[np.float64] = np.zeros((*_SIGNATURE[::-1], 3))
        self._levels = 0.0

    @property
    def count(self) -> int:
        return len(self._stamps)

    def add(self, stamp_ns: int, small: Image) -> None:
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
        if np.percentile(grey, 95) < self._limits.black_level:
            self._bad["black"] += 1
        elif (grey >= _WHITE).mean() > self._limits.white_share:
            self._bad["white"] += 1
        elif grey.std() < self._limits.flat_level:
            self._bad["flat"] += 1
        if not self._grey or self._grey[-1].shape == grey.shape:
            self._grey.append(grey)
            self._stamps.append(stamp_ns)
        self._levels += float(grey.mean())
        self._sum += cv2.resize(small, _SIGNATURE, interpolation=cv2.INTER_AREA)

    def share(self, what: str) -> float:
        return round(self._bad[what] / max(self.count, 1), 4)

    @property
    def brightness(self) -> float:
        return round(self._levels / max(self.count, 1), 1)

    @property
    def signature(self) -> Image:
        return np.asarray(np.round(self._sum / max(self.count, 1)), dtype=np.uint8)

    def change(self, motion: EpisodeMotion, limits: Thresholds) -> dict[str, float]:
        """How much the image changes a radian of each arm's motion: least squares."""
        moved = {}
        for arm in motion.follower:
            path = motion.travelled([arm], np.asarray(self._stamps, dtype=np.int64))
            if len(path) > _FEWEST_CHANGES and path[-1] - path[0] > 4 * limits.moving_rad:
                moved[arm] = np.diff(path)
        if not moved:
            return {}
        pairs = zip(self._grey, self._grey[1:])
        changes = np.array([float(cv2.absdiff(one, other).mean()) for one, other in pairs])
        columns = np.stack(list(moved.values()), axis=1)
        if len(moved) > 1 and np.corrcoef(columns[:, 0], columns[:, 1])[0, 1] > _ALIKE_ARMS:
            return {}
        slopes = np.linalg.lstsq(columns, changes, rcond=None)[0]
        return {arm: round(max(float(slope), 0.0), 3) for arm, slope in zip(moved, slopes)}


def _moved_by(camera: str, motion: EpisodeMotion) -> Sequence[str]:
    """The arms that change a camera's image: a wrist's own, or all of them."""
    own = [arm for arm in motion.follower if camera.startswith(arm)]
    return own or list(motion.follower)


def _frozen(
    stamps: NDArray[np.int64],
    same: NDArray[np.bool_],
    travelled: NDArray[np.float64],
    limits: Thresholds,
) -> tuple[float, int]:
    """The longest run of equal images in which an arm moved (s), and when it begins (ns)."""
    longest, at, begin = 0.0, 0, 0
    for number in range(1, len(stamps) + 1):
        if number < len(stamps) and same[number]:
            continue
        last = number - 1
        seconds = float(stamps[last] - stamps[begin]) / NS
        if seconds > longest and travelled[last] - travelled[begin] > limits.frozen_rad:
            longest, at = seconds, int(stamps[begin])
        begin = number
    return longest, at


def _size(jpeg: bytes) -> tuple[int, int]:
    """Width and height, from the JPEG's frame header."""
    at = 2
    while at + 9 < len(jpeg) and jpeg[at] == 0xFF:
        marker = jpeg[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height = int.from_bytes(jpeg[at + 5 : at + 7], "big")
            return int.from_bytes(jpeg[at + 7 : at + 9], "big"), height
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return 0, 0

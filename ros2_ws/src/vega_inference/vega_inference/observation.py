"""The newest frame of each camera, and the joint state at the time they were taken."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

# Joint states kept an arm: one second at 200 Hz, well over any frame's age.
_KEPT_STATES = 200
# A stamp this much older is no late message: time was set back.
_SET_BACK_S = 1.0


class StaleObservation(Exception):
    """A source is silent; the text names it.

    Attributes:
        sources: The cameras, or the arms if no camera is stale.
        cameras: Whether it is about cameras.
    """

    def __init__(self, text: str, sources: tuple[str, ...], cameras: bool) -> None:
        super().__init__(text)
        self.sources = sources
        self.cameras = cameras


@dataclass(frozen=True)
class Snapshot:
    """What the policy sees.

    Attributes:
        stamp_s: Capture time of the oldest of the frames; the state is that of this time.
        images: uint8 [H, W, 3] a camera.
        state: float32 [n], rad and m.
        age_s: Time from the oldest capture to the snapshot.
    """

    stamp_s: float
    images: dict[str, NDArray[np.uint8]]
    state: NDArray[np.float32]
    age_s: float


@dataclass
class _Camera:
    period_s: float
    stamp_s: float | None = None
    frame: bytes = b""
    received: int = 0
    dropped: int = 0


@dataclass
class _Arm:
    joints: int
    stamps_s: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT_STATES))
    positions: deque[Sequence[float]] = field(default_factory=lambda: deque(maxlen=_KEPT_STATES))

    def at(self, time_s: float) -> NDArray[np.float64]:
        """Positions at a time, interpolated; the nearest known ones outside the kept span."""
        later = len(self.stamps_s)
        while later > 0 and self.stamps_s[later - 1] > time_s:
            later -= 1
        if later == len(self.stamps_s):
            return np.asarray(self.positions[-1], np.float64)
        after = np.asarray(self.positions[later], np.float64)
        if later == 0:
            return after
        before = np.asarray(self.positions[later - 1], np.float64)
        begin_s, end_s = self.stamps_s[later - 1], self.stamps_s[later]
        share = (time_s - begin_s) / (end_s - begin_s)
        return (1.0 - share) * before + share * after


class ObservationBuffer:
    """Collects frames and joint states on one thread, hands out snapshots on another."""

    def __init__(
        self,
        camera_fps: Mapping[str, float],
        arm_joints: Mapping[str, int],
        max_image_age_s: float,
        max_state_age_s: float,
        decode: Callable[[bytes], NDArray[np.uint8]],
    ) -> None:
        """Takes the sources in the policy's order.

        Args:
            camera_fps: Nominal rate of each camera.
            arm_joints: Number of joints of each arm.
            max_image_age_s: A snapshot has no older frame.
            max_state_age_s: Nor is it taken while the newest joint state is older.
            decode: Makes an image of what `add_frame` got; called only for frames that are used.
        """
        self._cameras = {name: _Camera(1.0 / fps) for name, fps in camera_fps.items()}
        self._arms = {name: _Arm(joints) for name, joints in arm_joints.items()}
        self._max_image_age_s = max_image_age_s
        self._max_state_age_s = max_state_age_s
        self._decode = decode
        self._lock = threading.Lock()

    def add_frame(self, camera: str, stamp_s: float, frame: bytes) -> None:
        """Takes a frame; an older one than the newest known is dropped."""
        source = self._cameras[camera]
        with self._lock:
            source.received += 1
            if source.stamp_s is not None:
                gap_s = stamp_s - source.stamp_s
                if -_SET_BACK_S < gap_s <= 0.0:
                    return
                # A longer gap is an outage of the camera, which is reported as such.
                if 0.0 < gap_s <= self._max_image_age_s:
                    source.dropped += max(round(gap_s / source.period_s) - 1, 0)
            source.stamp_s, source.frame = stamp_s, frame

    def add_state(self, arm: str, stamp_s: float, positions: Sequence[float]) -> None:
        """Takes a joint state; one with a wrong length or an older stamp is dropped."""
        source = self._arms[arm]
        if len(positions) != source.joints:
            return
        with self._lock:
            gap_s = stamp_s - source.stamps_s[-1] if source.stamps_s else 1.0
            if gap_s < -_SET_BACK_S:
                source.stamps_s.clear()
                source.positions.clear()
            elif gap_s <= 0.0:
                return
            source.stamps_s.append(stamp_s)
            source.positions.append(positions)

    def reset_counts(self) -> None:
        """Counts frames from now on."""
        with self._lock:
            for camera in self._cameras.values():
                camera.received = camera.dropped = 0

    @property
    def frames_received(self) -> dict[str, int]:
        """Frames that came, a camera."""
        return {name: camera.received for name, camera in self._cameras.items()}

    @property
    def frames_dropped(self) -> dict[str, int]:
        """Frames missing between those that came, by their stamps and the nominal rate."""
        return {name: camera.dropped for name, camera in self._cameras.items()}

    @property
    def frames_stamp_s(self) -> float | None:
        """Stamp that a snapshot would have now, or None before every camera's first frame."""
        stamps = [camera.stamp_s for camera in self._cameras.values()]
        known = [stamp for stamp in stamps if stamp is not None]
        return min(known) if len(known) == len(stamps) else None

    def check(self, now_s: float) -> None:
        """Checks that every source is fresh.

        Raises:
            StaleObservation: One is not; cameras are named first.
        """
        with self._lock:
            self._check(now_s)

    def _check(self, now_s: float) -> None:
        stale = {
            name: _age_text(f"{name} camera", "frame", camera.stamp_s, now_s, self._max_image_age_s)
            for name, camera in self._cameras.items()
            if _is_old(camera.stamp_s, now_s, self._max_image_age_s)
        }
        if stale:
            raise StaleObservation("; ".join(stale.values()), tuple(stale), cameras=True)
        for name, arm in self._arms.items():
            newest_s = arm.stamps_s[-1] if arm.stamps_s else None
            if _is_old(newest_s, now_s, self._max_state_age_s):
                text = _age_text(
                    f"{name} arm", "joint state", newest_s, now_s, self._max_state_age_s
                )
                raise StaleObservation(text, (name,), cameras=False)

    def snapshot(self, now_s: float) -> Snapshot:
        """The newest frame of each camera and the joint state at the oldest of their stamps.

        Raises:
            StaleObservation: A camera or an arm has been silent for too long.
            ValueError: A frame is not an rgb8 image.
        """
        with self._lock:
            self._check(now_s)
            stamp_s = min(camera.stamp_s or 0.0 for camera in self._cameras.values())
            frames = {name: camera.frame for name, camera in self._cameras.items()}
            state = np.concatenate([arm.at(stamp_s) for arm in self._arms.values()])
        return Snapshot(
            stamp_s=stamp_s,
            images={name: self._decode(frame) for name, frame in frames.items()},
            state=state.astype(np.float32),
            age_s=now_s - stamp_s,
        )


def _is_old(stamp_s: float | None, now_s: float, limit_s: float) -> bool:
    return stamp_s is None or now_s - stamp_s > limit_s


def _age_text(source: str, what: str, stamp_s: float | None, now_s: float, limit_s: float) -> str:
    if stamp_s is None:
        return f"{source}: no {what} yet"
    return f"{source}: last {what} is {now_s - stamp_s:.2f} s old (limit {limit_s:g} s)"

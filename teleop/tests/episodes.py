"""Synthetic episodes for tests: real files through the real store, their content known exactly.

Images are of one colour a camera, with the number of the frame in black and white squares; joints
are sines around the resting posture, the leader 50 ms ahead of its follower.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import hw_config
from teleop.dataset import cdr
from teleop.dataset.episode import (
    EVENT_TOPIC,
    DatasetLayout,
    EpisodeInfo,
    TakeEnd,
    TakeStart,
    command_topic,
    hardware_files,
    joint_topic,
)
from teleop.dataset.mcap_writer import EpisodeWriter
from teleop.dataset.store import Store, Take
from teleop.tests.definitions import schema
from vega_core.stamps import NS

START_NS = 1_790_000_000 * NS
CAMERA_HZ = 30
STATE_HZ = 200
LEAD_S = 0.05
# RGB of each camera's images: told apart however channels or cameras are mixed up.
COLOURS = {"head": (200, 60, 30), "left_wrist": (40, 180, 60), "right_wrist": (50, 70, 210)}
COUNTER_BITS = 12


@dataclass(frozen=True)
class Faults:
    """What is wrong with an episode; nothing by default.

    Attributes:
        dropped_frames: Numbers of the frames that a camera misses, by camera.
        missing_cameras: Cameras without any image.
        camera_late_s: By how much a camera captures after the others (s), by camera.
        joints_silent: From when to when (s) an arm's follower says nothing, by arm.
        joint_offset: Added to the follower's joints (rad), by arm: drift between the two.
        idle_s: How long nothing moves at the beginning (s).
        clock_step_ns: Added to all stamps of the second half.
    """

    dropped_frames: dict[str, Collection[int]] = field(default_factory=dict)
    missing_cameras: Collection[str] = ()
    camera_late_s: dict[str, float] = field(default_factory=dict)
    joints_silent: dict[str, tuple[float, float]] = field(default_factory=dict)
    joint_offset: dict[str, float] = field(default_factory=dict)
    idle_s: float = 0.0
    clock_step_ns: int = 0


NO_FAULTS = Faults()


def layout() -> DatasetLayout:
    """The layout of this repository's cell."""
    return DatasetLayout.of(hw_config.load())


def open_store(folder: Path) -> Store:
    """A store in a folder, with that layout."""
    return Store.open(folder, layout())


def take_start(task: str = "close_laptop", start_ns: int = START_NS, **more: object) -> TakeStart:
    """What is known of a take in these tests."""
    known = {
        "task": task,
        "instruction": task.replace("_", " "),
        "operator": "scripted",
        "start_ns": start_ns,
        "robot": "sim",
        "git": {"commit": "0" * 40, "dirty": False},
        "versions": {"vega-robot": "0.1.0"},
        **more,
    }
    return TakeStart.model_validate(known)


def positions(arm: str, times_s: NDArray[np.float64], phase: float = 0.0) -> NDArray[np.float64]:
    """Where the joints of an arm are, float64 [N, 7]: rad, gripper m; within the limits."""
    home = np.array([0.0, 0.9, -0.9, 0.0, 0.5, 0.0, 0.04])
    swing = np.array([0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.02])
    shift = {"left": 0.0, "right": 1.0}.get(arm, 2.0) + phase
    angle = times_s[:, None] * 1.5 + np.arange(7)[None] * 0.5 + shift
    return home + swing * np.sin(angle)


@lru_cache(maxsize=4096)
def camera_jpeg(camera: str, number: int, width: int = 160, height: int = 120) -> bytes:
    """The JPEG of a frame."""
    image = np.empty((height, width, 3), dtype=np.uint8)
    image[:] = COLOURS[camera][::-1]
    side = width // COUNTER_BITS
    for bit in range(COUNTER_BITS):
        value = 255 if number >> bit & 1 else 0
        image[-side:, bit * side : (bit + 1) * side] = value
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


def number_in(rgb: NDArray[np.uint8]) -> int:
    """The frame number that a decoded image (H, W, 3) shows, at any size."""
    height, width = rgb.shape[:2]
    side = width / COUNTER_BITS
    row = rgb[height - 1 - int(side / 2)]
    bits = (row[int((bit + 0.5) * side)].mean() > 127 for bit in range(COUNTER_BITS))
    return sum(1 << bit for bit, white in enumerate(bits) if white)


def make_episode(
    store: Store,
    seconds: float = 2.0,
    *,
    task: str = "close_laptop",
    outcome: str = "success",
    start_ns: int = START_NS,
    phase: float = 0.0,
    commands: bool = True,
    leaders: bool = True,
    size: tuple[int, int] = (160, 120),
    faults: Faults = NO_FAULTS,
    **more: object,
) -> EpisodeInfo:
    """Records and seals an episode.

    Args:
        store: Where to.
        seconds: Its length.
        task: Name of the task.
        outcome: How it went.
        start_ns: ROS time of its beginning.
        phase: Of the sines (rad), so that episodes differ.
        commands: Whether the gate commands (separate buses).
        leaders: Whether there are leaders.
        size: Width and height of the images.
        faults: What is wrong with it.
        **more: Further fields of `TakeStart`.
    """
    start = take_start(task, start_ns, **more)
    take = store.begin(start, hardware_files(hw_config.config_dir()))
    write_messages(take, seconds, phase, commands, leaders, size, faults)
    expected = {store.layout.image_topic(name): round(seconds * CAMERA_HZ) for name in COLOURS}
    expected |= {joint_topic(arm): round(seconds * STATE_HZ) for arm in store.layout.arms}
    end_ns = start_ns + round(seconds * NS) + faults.clock_step_ns
    end = {"end_ns": end_ns, "outcome": outcome, "expected": expected}
    return store.save(take, TakeEnd.model_validate(end))


def write_messages(
    take: Take,
    seconds: float,
    phase: float = 0.0,
    commands: bool = True,
    leaders: bool = True,
    size: tuple[int, int] = (160, 120),
    faults: Faults = NO_FAULTS,
) -> None:
    """Writes the messages of a take in the order in which they would have come."""
    messages = _Messages(take.writer, take.start.start_ns, faults)
    messages.step_after_ns = round(seconds * NS / 2)
    messages.add(EVENT_TOPIC, "vega_msgs/TakeEvent", 0.0, lambda t: cdr.take_event(t, "began", ""))
    cell = layout()
    times = np.arange(round(seconds * STATE_HZ)) / STATE_HZ
    moving = np.maximum(times - faults.idle_s, 0.0)
    for arm, names in cell.arms.items():
        follower = positions(arm, moving, phase) + faults.joint_offset.get(arm, 0.0)
        leader = positions(arm, moving + np.where(times < faults.idle_s, 0.0, LEAD_S), phase)
        silent = faults.joints_silent.get(arm, (1.0, 0.0))
        for row, t in enumerate(times):
            if not silent[0] <= t < silent[1]:
                messages.joints(joint_topic(arm), t, names, follower[row])
            if leaders:
                messages.joints(joint_topic(arm, "leader"), t, names, leader[row])
            if commands:
                messages.command(command_topic(arm), t, names, leader[row], row)
    for camera in COLOURS:
        if camera not in faults.missing_cameras:
            messages.camera(camera, cell, seconds, size)
    end_s = round(seconds * NS) / NS
    messages.add(
        EVENT_TOPIC, "vega_msgs/TakeEvent", end_s, lambda t: cdr.take_event(t, "ended", "")
    )
    messages.write()


def _image(camera: str, jpeg: bytes, stamp_ns: int) -> bytes:
    return cdr.compressed_image(stamp_ns, camera, jpeg)


class _Messages:
    """Collects messages and writes them by time of receipt."""

    def __init__(self, writer: EpisodeWriter, start_ns: int, faults: Faults) -> None:
        self._writer = writer
        self._start_ns = start_ns
        self._faults = faults
        self._rows: list[tuple[float, int, int, int, bytes]] = []
        self.step_after_ns = 0

    def add(
        self,
        topic: str,
        kind: str,
        time_s: float,
        make: Callable[[int], bytes],
        delay_s: float = 0.0,
    ) -> None:
        elapsed = round(time_s * NS)
        stamp = self._start_ns + elapsed
        if elapsed >= self.step_after_ns:
            stamp += self._faults.clock_step_ns
        number = self._writer.add_topic(topic, schema(kind))
        log_ns = stamp + round(delay_s * NS)
        self._rows.append((time_s + delay_s, number, log_ns, stamp, make(stamp)))

    def joints(
        self, topic: str, time_s: float, names: tuple[str, ...], values: NDArray[np.float64]
    ) -> None:
        zero = np.zeros(len(names))
        self.add(
            topic,
            "sensor_msgs/JointState",
            time_s,
            lambda t: cdr.joint_state(t, names, values, zero, zero),
            delay_s=0.001,
        )

    def command(
        self,
        topic: str,
        time_s: float,
        names: tuple[str, ...],
        values: NDArray[np.float64],
        number: int,
    ) -> None:
        self.add(
            topic,
            "vega_msgs/ArmCommand",
            time_s,
            lambda t: cdr.arm_command(t, number, t + NS // 10, names, values),
            delay_s=0.001,
        )

    def camera(
        self, camera: str, cell: DatasetLayout, seconds: float, size: tuple[int, int]
    ) -> None:
        dropped = self._faults.dropped_frames.get(camera, ())
        late = self._faults.camera_late_s.get(camera, 0.0)
        for number in range(round(seconds * CAMERA_HZ)):
            if number not in dropped:
                jpeg = camera_jpeg(camera, number, *size)
                self.add(
                    cell.image_topic(camera),
                    "sensor_msgs/CompressedImage",
                    number / CAMERA_HZ + late,
                    partial(_image, camera, jpeg),
                    delay_s=0.02,
                )

    def write(self) -> None:
        for _, number, log_ns, stamp, data in sorted(self._rows, key=lambda row: row[0]):
            self._writer.write(number, log_ns, stamp, data)

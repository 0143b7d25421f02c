"""Synthetic episodes of full size for measurements: textures that move, a sensor's noise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

import hw_config
from teleop.dataset import cdr
from teleop.dataset.episode import DatasetLayout, TakeEnd, TakeStart, joint_topic
from teleop.dataset.mcap_writer import Schema
from teleop.dataset.store import Store
from vega_core.stamps import NS

_START_NS = 1_790_000_000 * NS
_STATE_HZ = 200
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 90]
_NOISE_LEVELS = 1.5
_LINE = "=" * 80
_HEADER = f"""\
{_LINE}
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
{_LINE}
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""
_JOINTS = Schema(
    "sensor_msgs/msg/JointState",
    "std_msgs/Header header\nstring[] name\nfloat64[] position\nfloat64[] velocity\n"
    "float64[] effort\n" + _HEADER,
)
_IMAGE = Schema(
    "sensor_msgs/msg/CompressedImage",
    "std_msgs/Header header\nstring format\nuint8[] data\n" + _HEADER,
)


_Message = tuple[int, str, Schema, bytes]


def record(folder: Path, episodes: int, seconds: float) -> None:
    """Records successful episodes of the cell that hw_config describes, each with other stamps."""
    hardware = hw_config.load()
    layout = DatasetLayout.of(hardware)
    images = {
        name: list(_scene(number, camera.width, camera.height, round(seconds * camera.fps)))
        for number, (name, camera) in enumerate(hardware.cameras.items())
    }
    with Store.open(folder, layout) as store:
        for episode in range(episodes):
            start_ns = _START_NS + episode * 60 * NS
            start = TakeStart(
                task="close_laptop",
                instruction="close the laptop",
                operator="synthetic",
                start_ns=start_ns,
                robot="sim",
            )
            take = store.begin(start)
            messages = [*_all_joints(hardware, start_ns, seconds, phase=float(episode))]
            for name, jpegs in images.items():
                topic, fps = layout.image_topic(name), hardware.cameras[name].fps
                for number, jpeg in enumerate(jpegs):
                    at = start_ns + round(number * NS / fps)
                    messages.append((at, topic, _IMAGE, cdr.compressed_image(at, name, jpeg)))
            for at, topic, schema, data in sorted(messages, key=lambda message: message[0]):
                take.writer.write(take.writer.add_topic(topic, schema), at, at, data)
            store.save(take, TakeEnd(end_ns=start_ns + round(seconds * NS), outcome="success"))


def _all_joints(
    hardware: hw_config.HardwareConfig, start_ns: int, seconds: float, phase: float
) -> Iterator[_Message]:
    for arm, config in hardware.arms.items():
        names = config.joint_names
        for role in ("follower", "leader"):
            for step in range(round(seconds * _STATE_HZ)):
                at = start_ns + round(step * NS / _STATE_HZ)
                state = _joint_state(at, (at - start_ns) / NS + phase, names, config.home)
                yield at, joint_topic(arm, role), _JOINTS, state


def _joint_state(
    stamp_ns: int, turned: float, names: tuple[str, ...], home: tuple[float, ...]
) -> bytes:
    angle = turned + np.arange(len(names))
    swing = np.array([0.02 if name.endswith("gripper") else 0.2 for name in names])
    position, velocity = home + swing * np.sin(angle), swing * np.cos(angle)
    return cdr.joint_state(stamp_ns, names, position, velocity, np.zeros(len(names)))


def _scene(seed: int, width: int, height: int, frames: int) -> Iterator[bytes]:
    """JPEG files of a texture that passes by, two pixels a frame."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 230, (height // 24, width // 24, 3)).astype(np.uint8)
    texture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    noise = [rng.normal(0.0, _NOISE_LEVELS, (height, width, 1)).round() for _ in range(8)]
    for number in range(frames):
        image = np.roll(texture, 2 * number, axis=1) + noise[number % len(noise)]
        yield cv2.imencode(".jpg", np.clip(image, 0, 255).astype(np.uint8), _JPEG)[1].tobytes()

"""A cell's worth of messages in real time, from a process of its own, for the recorder's bench.

    python -m benches.recorder.streams --frames FILE.npz --seconds 60

Everything is serialised once; of each message only the stamp is written anew. At the end it prints
how many messages of each topic went out, as JSON.
"""

from __future__ import annotations

import argparse
import array
import json
import math
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image, JointState
from vega_msgs.msg import ArmCommand
from vega_runtime import images, qos

import hw_config
from hw_config import HardwareConfig
from teleop.dataset.episode import command_topic, joint_topic
from vega_core.stamps import NS

Pixels = NDArray[np.uint8]
# CDR: four bytes of encapsulation, then the header's stamp.
_STAMP_AT = 4


class Stamped:
    """A serialised message whose stamp can be changed."""

    def __init__(self, message: Any) -> None:
        self._data = bytearray(serialize_message(message))

    def at(self, stamp_ns: int) -> bytes:
        """The message with this stamp."""
        struct.pack_into("<iI", self._data, _STAMP_AT, *divmod(stamp_ns, NS))
        return bytes(self._data)


class Source:
    """One topic at its rate."""

    def __init__(
        self, publisher: Publisher, hz: float, messages: Sequence[Stamped], topic: str
    ) -> None:
        """Takes what is published in turn, and how often."""
        self.topic = topic
        self.period_ns = round(NS / hz)
        self._publisher, self._messages = publisher, messages
        self.count = 0

    def send(self, stamp_ns: int) -> None:
        """Publishes the next message."""
        message = self._messages[self.count % len(self._messages)]
        self._publisher.publish(message.at(stamp_ns))
        self.count += 1


def sources(node: Node, hardware: HardwareConfig, frames: dict[str, Pixels]) -> list[Source]:
    """Images, joints and commands of the whole cell.

    Args:
        node: Publishes.
        hardware: The cell.
        frames: Images of each camera, uint8 [N, H, W, 3], shown forth and back.
    """
    return [
        *_cameras(node, hardware, frames),
        *_arms(node, hardware),
    ]


def _cameras(node: Node, hardware: HardwareConfig, frames: dict[str, Pixels]) -> Iterator[Source]:
    for name, camera in hardware.cameras.items():
        shown = [*frames[name], *frames[name][-2:0:-1]]
        stamp = node.get_clock().now().to_msg()
        stamped = [Stamped(images.to_message(p, stamp, camera.frame_id)) for p in shown]
        topic = f"{camera.namespace}/image_raw"
        yield Source(node.create_publisher(Image, topic, qos.SENSOR), camera.fps, stamped, topic)
        fov = math.radians(camera.vertical_fov_deg)
        info = images.pinhole_camera_info(camera.frame_id, camera.width, camera.height, fov)
        topic = f"{camera.namespace}/camera_info"
        publisher = node.create_publisher(CameraInfo, topic, qos.SENSOR)
        yield Source(publisher, camera.fps, [Stamped(info)], topic)


def _arms(node: Node, hardware: HardwareConfig) -> Iterator[Source]:
    for arm, config in hardware.arms.items():
        names = list(config.joint_names)
        swings = [0.1 * math.sin(2 * math.pi * i / 400) for i in range(400)]
        poses = [array.array("d", [q + swing for q in config.home]) for swing in swings]
        states = [Stamped(JointState(name=names, position=p, velocity=p, effort=p)) for p in poses]
        for role in ("follower", "leader"):
            topic = joint_topic(arm, role).lstrip("/")
            publisher = node.create_publisher(JointState, topic, qos.SENSOR)
            yield Source(publisher, hardware.rates.state_hz, states, topic)
        commands = [Stamped(ArmCommand(names=names, positions=p)) for p in poses]
        topic = command_topic(arm).lstrip("/")
        publisher = node.create_publisher(ArmCommand, topic, qos.COMMAND)
        yield Source(publisher, hardware.rates.gate_hz, commands, topic)


def run(wanted: Sequence[Source], seconds: float, goes_on: Callable[[], bool]) -> None:
    """Publishes on time; what is late is sent at once, with the stamp it should have had."""
    begin_ns = time.monotonic_ns()
    to_ros_ns = time.time_ns() - begin_ns
    due = dict.fromkeys(wanted, begin_ns)
    while goes_on():
        now_ns = time.monotonic_ns()
        if now_ns - begin_ns > seconds * NS:
            break
        for source, due_ns in due.items():
            if due_ns <= now_ns:
                source.send(due_ns + to_ros_ns)
                due[source] = due_ns + source.period_ns
        time.sleep(max(0.0, (min(due.values()) - time.monotonic_ns()) / NS))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.recorder.streams", description="Publishes a cell's streams."
    )
    parser.add_argument("--frames", type=Path, required=True, help="images of each camera, .npz")
    parser.add_argument("--seconds", type=float, default=math.inf)
    arguments = parser.parse_args(argv)
    rclpy.init(args=[])
    try:
        node = rclpy.create_node("bench_streams")
        with np.load(arguments.frames) as file:
            frames = {name: file[name] for name in file.files}
        sending = sources(node, hw_config.load(), frames)
        run(sending, arguments.seconds, rclpy.ok)
    except KeyboardInterrupt:
        return 130
    finally:
        rclpy.try_shutdown()
    print(json.dumps({source.topic: source.count for source in sending}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

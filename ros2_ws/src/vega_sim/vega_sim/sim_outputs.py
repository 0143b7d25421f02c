"""The twin's measurements as ROS messages; one message object a topic, filled anew each time."""

from __future__ import annotations

import array
import math
from dataclasses import asdict, fields

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.publisher import Publisher
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from vega_msgs.msg import EpisodeSigns, TaskState
from vega_runtime.images import CameraPublisher, pinhole_camera_info
from vega_runtime.qos import LATCHED, SENSOR
from vega_runtime.stamps import to_time

import hw_config
from hw_config import CameraConfig, HardwareConfig
from vega_sim.cosimulation import EpisodeState
from vega_sim.failure_signals import FailureSignals

Array = NDArray[np.float64]


class TaskStates:
    """Publishes the episode's state.

    Attributes:
        scene: task and variant that it names.
    """

    def __init__(self, node: Node, hw: HardwareConfig, scene: tuple[str, str]) -> None:
        self.scene = scene
        self._cameras = list(hw.cameras)
        self._time_limits: dict[str, float] = {}
        self._publisher = node.create_publisher(TaskState, "sim/task_state", LATCHED)

    def publish(self, stamp_ns: int, state: EpisodeState) -> None:
        """How the episode stands."""
        message = TaskState(
            task=self.scene[0],
            variant=self.scene[1],
            seed=state.seed,
            episode=state.episode,
            time_s=state.time_s,
            time_limit_s=self._time_limit_s(self.scene[0]),
            success=state.success,
            progress=state.progress,
            milestones=list(state.milestones),
            milestones_reached=list(state.milestones.values()),
            signs=signals_to_message(state.signals),
            real_time_factor=state.real_time_factor,
            frames_published=[state.frames.get(camera, 0) for camera in self._cameras],
        )
        message.header.stamp = to_time(stamp_ns)
        self._publisher.publish(message)

    def _time_limit_s(self, task: str) -> float:
        if task not in self._time_limits:
            self._time_limits[task] = hw_config.load_task(task).time_limit_s
        return self._time_limits[task]


class SimOutputs:
    """Publishes joint states, clock, images and the episode's state."""

    def __init__(
        self, node: Node, hw: HardwareConfig, task_states: TaskStates, with_leaders: bool = False
    ) -> None:
        self._task_states = task_states
        self._arms = _joint_states(node, hw, "follower")
        self._leaders = _joint_states(node, hw, "leader") if with_leaders else {}
        self._cameras: dict[str, CameraPublisher] = {
            name: _camera_publisher(node, camera) for name, camera in hw.cameras.items()
        }
        self._clock = node.create_publisher(Clock, "/clock", 1)

    def joint_state(self, arm: str, stamp_ns: int, q: Array, dq: Array, effort: Array) -> None:
        """Positions, velocities and efforts [7] of an arm."""
        publisher, message = self._arms[arm]
        message.header.stamp = to_time(stamp_ns)
        message.position = array.array("d", q)
        message.velocity = array.array("d", dq)
        message.effort = array.array("d", effort)
        publisher.publish(message)

    def leader_state(self, arm: str, stamp_ns: int, q: Array, dq: Array) -> None:
        """Positions and velocities [7] of a leader arm."""
        publisher, message = self._leaders[arm]
        message.header.stamp = to_time(stamp_ns)
        message.position = array.array("d", q)
        message.velocity = array.array("d", dq)
        publisher.publish(message)

    def clock(self, stamp_ns: int) -> None:
        """The time is now `stamp_ns`."""
        self._clock.publish(Clock(clock=to_time(stamp_ns)))

    def wants(self, camera: str) -> bool:
        """Whether somebody listens to this camera's images."""
        return self._cameras[camera].wanted

    def image(self, camera: str, stamp_ns: int, pixels: NDArray[np.uint8]) -> None:
        """An image, uint8 [H, W, 3], with its camera_info."""
        self._cameras[camera].publish(pixels, to_time(stamp_ns))

    def episode(self, stamp_ns: int, state: EpisodeState) -> None:
        """How the episode stands."""
        self._task_states.publish(stamp_ns, state)


def _joint_states(
    node: Node, hw: HardwareConfig, role: str
) -> dict[str, tuple[Publisher, JointState]]:
    made = {}
    for arm, config in hw.arms.items():
        message = JointState(name=list(config.joint_names))
        message.header.frame_id = f"{arm}_base"
        made[str(arm)] = (
            node.create_publisher(JointState, f"{arm}/{role}/joint_states", SENSOR),
            message,
        )
    return made


def _camera_publisher(node: Node, camera: CameraConfig) -> CameraPublisher:
    publisher = CameraPublisher(node, camera)
    fov_rad = math.radians(camera.vertical_fov_deg)
    publisher.describe(pinhole_camera_info(camera.frame_id, camera.width, camera.height, fov_rad))
    return publisher


def signals_to_message(signals: FailureSignals) -> EpisodeSigns:
    """The failure signals as a ROS message."""
    return EpisodeSigns(**asdict(signals))


def signals_from_message(message: EpisodeSigns) -> FailureSignals:
    """The inverse of `signals_to_message`."""
    return FailureSignals(
        **{field.name: getattr(message, field.name) for field in fields(FailureSignals)}
    )

"""What a node sees of an episode while it runs: figures, pictures, the course and the video."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from builtin_interfaces.msg import Time
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, JointState
from vega_msgs.msg import ArmTarget, GateState, InferenceReport, TaskState
from vega_runtime import images, qos

from hw_config import HardwareConfig
from vega_eval.episode.course import Course, Scene
from vega_eval.episode.summary import CameraCount, Record
from vega_eval.episode.video import EpisodeVideo, Picture

# Joint states are counted here: none may be lost while a picture is being taken apart.
_EVERY_ONE = QoSProfile(depth=200, reliability=ReliabilityPolicy.BEST_EFFORT)

Tap = Callable[[str, str, bytes], None]
"""Gets every picture and joint state as it comes: camera or arm, its name, the message's CDR."""


class Observer:
    """Listens to the launched stack and tells one course after the other what happens.

    Attributes:
        record: Of the present course.
        progress: What the twin says of the task, for people.
        twin_speed: Of a twin that does not make ROS time; None otherwise.
        gate: The gate's newest state.
        task: The twin's newest state; None on the real robot.
        first_action_at: Wall time (s since 1970) of the first policy step; 0 before it.
    """

    def __init__(
        self,
        node: Node,
        hardware: HardwareConfig,
        video_fps: int,
        tap: Tap = lambda what, name, cdr: None,
    ) -> None:
        self._node, self._hardware, self._fps, self._tap = node, hardware, video_fps, tap
        self._simulated = bool(node.get_parameter("use_sim_time").value)
        self._course: Course | None = None
        self._video: EpisodeVideo | None = None
        self._pictures: dict[str, bytes] = {}
        self._joints: dict[str, bytes] = {}
        self._measured: np.ndarray | None = None
        self._began_wall_s = 0.0
        self.record = Record(hardware.rates.control_hz)
        self.progress = ""
        self.twin_speed: float | None = None
        self.gate: GateState | None = None
        self.task: TaskState | None = None
        self.first_action_at = 0.0
        self._connect()

    def _connect(self) -> None:
        listen = self._node.create_subscription
        for name, camera in self._hardware.cameras.items():
            on_picture = partial(self._on_picture, name)
            listen(Image, f"{camera.namespace}/image_raw", on_picture, qos.SENSOR, raw=True)
        for arm in self._hardware.arms:
            on_joints = partial(self._on_joints, arm)
            listen(JointState, f"{arm}/follower/joint_states", on_joints, _EVERY_ONE, raw=True)
        listen(TaskState, "sim/task_state", self._on_task, qos.LATCHED)
        listen(GateState, "gate/state", self._on_gate, qos.LATCHED)
        listen(ArmTarget, "gate/target", self._on_step, qos.REPORT)
        listen(InferenceReport, "policy/inference", self._on_inference, qos.REPORT)
        self._node.create_timer(1.0 / self._fps, self._film)

    def follow(self, course: Course, video: Path) -> None:
        """Tells this course what happens from now on, and films it."""
        self.record = Record(self._hardware.rates.control_hz)
        self._measured, self.first_action_at, self._began_wall_s = None, 0.0, 0.0
        self._video = EpisodeVideo(video, self._fps)
        self._course = course
        if self.task is not None:
            self._tell_scene(course, self.task)
        if self.gate is not None:
            self._tell_gate(course, self.gate)

    def end(self) -> str:
        """Stops filming; returns what is wrong with the video, if anything."""
        video, self._video, self._course = self._video, None, None
        if video is None:
            return ""
        video.close()
        return video.problem

    @property
    def wall_s(self) -> float:
        """Wall time since the first policy step; 0 before it."""
        return time.monotonic() - self._began_wall_s if self._began_wall_s else 0.0

    def picture(self, camera: str) -> Picture | None:
        """The newest picture of a camera, uint8 [H, W, 3]; None before the first."""
        data = self._pictures.get(camera)
        return None if data is None else images.from_message(deserialize_message(data, Image))

    def picture_stamp_s(self, camera: str) -> float | None:
        """Capture time (ROS time) of the newest picture of a camera."""
        data = self._pictures.get(camera)
        return None if data is None else _stamp_s(data)

    def joints(self, arm: str) -> np.ndarray | None:
        """The newest positions [7] of an arm: rad, gripper opening in m."""
        data = self._joints.get(arm)
        return None if data is None else np.array(deserialize_message(data, JointState).position)

    def measure_way(self) -> None:
        """Adds how far the arms have moved since the last call; call it some times a second."""
        arms = [self.joints(arm) for arm in self._hardware.arms]
        if self._course is None or not self._course.running or any(q is None for q in arms):
            return
        here = np.concatenate([q[:-1] for q in arms if q is not None])
        if self._measured is not None:
            self.record.moved_rad += float(np.abs(here - self._measured).sum())
        self._measured = here

    def _on_picture(self, camera: str, cdr: bytes) -> None:
        self._pictures[camera] = cdr
        self._tap("camera", camera, cdr)

    def _on_joints(self, arm: str, cdr: bytes) -> None:
        self._joints[arm] = cdr
        self._tap("arm", arm, cdr)
        if self._course is not None and self._course.running:
            self.record.joint_times_s.setdefault(arm, []).append(_stamp_s(cdr))

    def _on_task(self, message: TaskState) -> None:
        self.task, self.progress = message, message.progress
        # A twin that does not make the time says how fast it is.
        self.twin_speed = None if self._simulated else message.real_time_factor
        if self._course is None:
            return
        if self._course.running:
            reached = zip(message.milestones, message.milestones_reached)
            self.record.milestones = dict(reached)
        self._tell_scene(self._course, message)

    @staticmethod
    def _tell_scene(course: Course, message: TaskState) -> None:
        scene = Scene(message.task, message.variant, message.seed)
        course.saw_scene(scene, message.success, seconds(message.header.stamp))

    def _on_gate(self, message: GateState) -> None:
        before, self.gate = self.gate, message
        course, record = self._course, self.record
        if course is None:
            return
        self._tell_gate(course, message)
        if course.outcome is not None:
            return
        record.clamped.append(message.commands_clamped)
        record.refused.append(message.chunks_refused)
        record.blocked.append(message.commands_blocked)
        refusals = dict(zip(message.refusal_reasons, message.refusal_counts))
        record.out_of_workspace.append(refusals.get("workspace", 0))
        record.holds.append(message.holds)
        record.estops.append(message.estops)
        led = before is not None and before.mode == GateState.LEADER
        record.interventions += course.running and message.mode == GateState.LEADER and not led

    @staticmethod
    def _tell_gate(course: Course, message: GateState) -> None:
        executing, active = message.mode == GateState.EXECUTING, message.mode != GateState.INACTIVE
        course.saw_gate(executing, message.reason, seconds(message.header.stamp), active)

    def _on_step(self, message: ArmTarget) -> None:
        course, issued_s = self._course, seconds(message.issued)
        if course is None:
            return
        before = course.running
        course.saw_step(issued_s)
        if not course.running:
            return
        if not before:
            self._began_wall_s = time.monotonic()
            self.first_action_at = time.time()
        self.record.step_times_s.append(issued_s)

    def _on_inference(self, message: InferenceReport) -> None:
        if self._course is None or self._course.outcome is not None:
            return
        record = self.record
        record.observation_age_ms.append(message.observation_age_ms)
        record.inference_ms.append(message.inference_ms)
        time_s = seconds(message.header.stamp) + message.latency_ms * 1e-3
        counts = zip(message.cameras, message.frames_received, message.frames_dropped)
        for camera, received, dropped in counts:
            record.camera_counts.setdefault(camera, []).append(
                CameraCount(time_s, received, dropped)
            )

    def _film(self) -> None:
        course, video = self._course, self._video
        if course is not None and video is not None and course.running and self._pictures:
            pictures = [self.picture(name) for name in self._hardware.cameras]
            video.add(seconds(self._node.get_clock().now().to_msg()), pictures)


def seconds(stamp: Time) -> float:
    """A stamp in s."""
    return float(stamp.sec + stamp.nanosec * 1e-9)


def _stamp_s(cdr: bytes) -> float:
    # CDR: four bytes of encapsulation, then the header's stamp.
    sec, nanosec = struct.unpack_from("<iI", cdr, 4)
    return float(sec + nanosec * 1e-9)

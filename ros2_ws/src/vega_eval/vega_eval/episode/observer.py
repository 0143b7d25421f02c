"""What a node sees of an episode while it runs: figures, images, its state and its video."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, JointState
from vega_msgs.msg import ArmTarget, EstopState, GateState, InferenceReport, TaskState
from vega_runtime import qos
from vega_runtime.stamps import now_s, to_seconds

import hw_config
from hw_config import ConfigError, HardwareConfig
from vega_core import cdr_image
from vega_eval.episode.episode_state_machine import EpisodeScene, EpisodeStateMachine
from vega_eval.episode.summary import CameraCount, EpisodeRecord
from vega_eval.episode.video import CameraImage, EpisodeVideo

# Joint states are counted here: none may be lost while an image is being taken apart.
_EVERY_ONE = QoSProfile(depth=200, reliability=ReliabilityPolicy.BEST_EFFORT)

Tap = Callable[[str, str, bytes], None]
"""Gets every image and joint state as it comes: camera or arm, its name, the message's CDR."""


def _stamp_s(message: GateState) -> float:
    return to_seconds(message.header.stamp)


class Observer:
    """Listens to the launched stack and lets one episode after the other observe it.

    Attributes:
        record: Of the present episode.
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
        self._episode: EpisodeStateMachine | None = None
        self._video: EpisodeVideo | None = None
        self._images: dict[str, bytes] = {}
        self._joints: dict[str, bytes] = {}
        self._measured: np.ndarray | None = None
        self._began_wall_s = 0.0
        self.record = EpisodeRecord(hardware.rates.control_hz)
        self.progress = ""
        self.twin_speed: float | None = None
        self.gate: GateState | None = None
        self._estop: EstopState | None = None
        self.task: TaskState | None = None
        self.first_action_at = 0.0
        self._connect()

    def _connect(self) -> None:
        listen = self._node.create_subscription
        for name, camera in self._hardware.cameras.items():
            on_image = partial(self._on_image, name)
            listen(Image, f"{camera.namespace}/image_raw", on_image, qos.SENSOR, raw=True)
        for arm in self._hardware.arms:
            on_joints = partial(self._on_joints, arm)
            listen(JointState, f"{arm}/follower/joint_states", on_joints, _EVERY_ONE, raw=True)
        listen(TaskState, "sim/task_state", self._on_task, qos.LATCHED)
        listen(GateState, "gate/state", self._on_gate, qos.LATCHED)
        listen(EstopState, "gate/estop_state", self._on_estop, qos.LATCHED)
        listen(ArmTarget, "gate/target", self._on_step, qos.REPORT)
        listen(InferenceReport, "policy/inference", self._on_inference, qos.REPORT)
        self._node.create_timer(1.0 / self._fps, self._film)

    def follow(self, episode: EpisodeStateMachine, video: Path, what: str = "") -> None:
        """This episode observes what happens from now on, and is filmed.

        Args:
            episode: Is told what is seen.
            video: File of the film.
            what: Which episode or trial it is, for the film's caption.
        """
        self.record = EpisodeRecord(self._hardware.rates.control_hz)
        self._measured, self.first_action_at, self._began_wall_s = None, 0.0, 0.0
        self._video = EpisodeVideo(video, self._fps, title=_title(episode.scene, what))
        self._episode = episode
        if self.task is not None:
            self._observe_scene(episode, self.task)
        if self.gate is not None:
            self._observe_gate(episode, self.gate)
        if self._estop is not None:
            self._on_estop(self._estop)

    def end(self) -> str:
        """Stops filming; returns what is wrong with the video, if anything."""
        video, episode = self._video, self._episode
        self._video = self._episode = None
        if video is None:
            return ""
        video.close(_outcome(episode))
        return video.problem

    @property
    def wall_s(self) -> float:
        """Wall time since the first policy step; 0 before it."""
        return time.monotonic() - self._began_wall_s if self._began_wall_s else 0.0

    def image(self, camera: str) -> CameraImage | None:
        """The newest image of a camera, uint8 [H, W, 3]; None before the first."""
        data = self._images.get(camera)
        return None if data is None else cdr_image.rgb_pixels(data)

    def image_stamp_s(self, camera: str) -> float | None:
        """Capture time (ROS time) of the newest image of a camera."""
        data = self._images.get(camera)
        return None if data is None else cdr_image.stamp_s(data)

    def joints(self, arm: str) -> np.ndarray | None:
        """The newest positions [7] of an arm: rad, gripper opening in m."""
        data = self._joints.get(arm)
        return None if data is None else np.array(deserialize_message(data, JointState).position)

    def measure_way(self) -> None:
        """Adds how far the arms have moved since the last call; call it some times a second."""
        arms = [self.joints(arm) for arm in self._hardware.arms]
        if self._episode is None or not self._episode.running or any(q is None for q in arms):
            return
        here = np.concatenate([q[:-1] for q in arms if q is not None])
        if self._measured is not None:
            self.record.moved_rad += float(np.abs(here - self._measured).sum())
        self._measured = here

    def _on_image(self, camera: str, cdr: bytes) -> None:
        self._images[camera] = cdr
        self._tap("camera", camera, cdr)

    def _on_joints(self, arm: str, cdr: bytes) -> None:
        self._joints[arm] = cdr
        self._tap("arm", arm, cdr)
        if self._episode is not None and self._episode.running:
            self.record.joint_times_s.setdefault(arm, []).append(cdr_image.stamp_s(cdr))

    def _on_task(self, message: TaskState) -> None:
        self.task, self.progress = message, message.progress
        # A twin that does not make the time says how fast it is.
        self.twin_speed = None if self._simulated else message.real_time_factor
        if self._episode is None:
            return
        if self._episode.running:
            reached = zip(message.milestones, message.milestones_reached)
            self.record.milestones = dict(reached)
        self._observe_scene(self._episode, message)

    @staticmethod
    def _observe_scene(episode: EpisodeStateMachine, message: TaskState) -> None:
        scene = EpisodeScene(message.task, message.variant, message.seed)
        episode.observe_scene(scene, message.success, to_seconds(message.header.stamp))

    def _on_gate(self, message: GateState) -> None:
        before, self.gate = self.gate, message
        episode, record = self._episode, self.record
        if episode is None:
            return
        self._observe_gate(episode, message)
        if before is not None and message.estops > before.estops:
            episode.stop(message.reason)  # it may have been reset already
        if episode.outcome is not None:
            return
        record.clamped.append(message.commands_clamped)
        record.refused.append(message.chunks_refused)
        record.blocked.append(message.commands_blocked)
        refusals = dict(zip(message.refusal_reasons, message.refusal_counts))
        record.out_of_workspace.append(refusals.get("workspace", 0))
        record.holds.append(message.holds)
        if before is not None and episode.running:
            record.note_gate(before.mode == GateState.HOLD, *map(_stamp_s, (before, message)))
        record.estops.append(message.estops)
        led = before is not None and before.mode == GateState.LEADER
        record.interventions += episode.running and message.mode == GateState.LEADER and not led

    def _on_estop(self, message: EstopState) -> None:
        self._estop = message
        if message.active and self._episode is not None:
            self._episode.stop(message.text)

    @staticmethod
    def _observe_gate(episode: EpisodeStateMachine, message: GateState) -> None:
        executing, active = message.mode == GateState.EXECUTING, message.mode != GateState.INACTIVE
        episode.observe_gate(executing, message.reason, to_seconds(message.header.stamp), active)

    def _on_step(self, message: ArmTarget) -> None:
        episode, issued_s = self._episode, to_seconds(message.issued)
        if episode is None:
            return
        before = episode.running
        episode.observe_step(issued_s)
        if not episode.running:
            return
        if not before:
            self._began_wall_s = time.monotonic()
            self.first_action_at = time.time()
        self.record.step_times_s.append(issued_s)

    def _on_inference(self, message: InferenceReport) -> None:
        if self._episode is None or self._episode.outcome is not None:
            return
        record = self.record
        record.observation_age_ms.append(message.observation_age_ms)
        record.inference_ms.append(message.inference_ms)
        time_s = to_seconds(message.header.stamp) + message.latency_ms * 1e-3
        counts = zip(message.cameras, message.frames_received, message.frames_dropped)
        for camera, received, dropped in counts:
            record.camera_counts.setdefault(camera, []).append(
                CameraCount(time_s, received, dropped)
            )

    def _film(self) -> None:
        episode, video = self._episode, self._video
        if episode is not None and video is not None and episode.running and self._images:
            frame = [self.image(name) for name in self._hardware.cameras]
            video.add(now_s(self._node.get_clock()), frame)


def _title(scene: EpisodeScene, what: str) -> str:
    """What a film shows. It does not say whose policy acts: judges may be blind."""
    where = f" ({scene.variant}, seed {scene.seed})" if scene.variant else ""
    title = f"{scene.task}{where}{', ' if what else ''}{what}"
    with contextlib.suppress(ConfigError):
        return f"{title}: {hw_config.load_task(scene.task).instruction}"
    return title


def _outcome(episode: EpisodeStateMachine | None) -> str:
    """How it ended, as far as is known when the film ends."""
    if episode is None or episode.outcome is None:
        return "cut off"
    return episode.outcome.value + (f": {episode.reason}" if episode.reason else "")

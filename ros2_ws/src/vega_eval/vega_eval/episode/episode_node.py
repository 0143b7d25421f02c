"""The node `episode`: runs one episode through the launched stack and leaves its figures."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from builtin_interfaces.msg import Time
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rclpy.task import Future
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import Trigger
from vega_msgs.msg import ArmTarget, GateState, InferenceReport, TaskState
from vega_msgs.srv import ResetScene
from vega_runtime import images, qos
from vega_runtime.node import finish
from vega_runtime.node import main as run_node
from vega_runtime.parameters import declare

import hw_config
from vega_eval.episode.course import Course, Scene
from vega_eval.episode.parameters import Parameters
from vega_eval.episode.summary import (
    CameraCount,
    Ending,
    Record,
    result_line,
    summarise,
    write_json,
)
from vega_eval.episode.video import EpisodeVideo, Picture

_WATCH_PERIOD_S = 0.1
_SHUTDOWN_PATIENCE_S = 4.0
# Joint states are counted here: none may be lost while a picture is being taken apart.
_EVERY_ONE = QoSProfile(depth=200, reliability=ReliabilityPolicy.BEST_EFFORT)


class EpisodeNode(Node):
    """Lays the scene, follows the policy, writes what came of it and takes the stack down."""

    def __init__(self) -> None:
        super().__init__("episode")
        self._given = declare(self, Parameters)
        if not self._given.output:
            raise ValueError("the parameter 'output' is missing: a folder for the results")
        task = hw_config.load_task(self._given.task)
        self._hw = hw_config.load()
        self._folder = Path(self._given.output)
        self._folder.mkdir(parents=True, exist_ok=True)
        given, begun_s = self._given, time.monotonic()
        scene = Scene(given.task, given.variant, given.seed) if given.judged else Scene(given.task)
        self._course = Course(scene, task.time_limit_s, given.patience, begun_s, given.judged)
        self._record = Record(self._hw.rates.control_hz)
        self._video = EpisodeVideo(self._folder / "episode.mp4", self._given.video_fps)
        self._newest: dict[str, bytes] = {}
        self._progress = ""
        self._simulated = bool(self.get_parameter("use_sim_time").value)
        self._twin_speed: float | None = None
        self._said_s = 0
        self._start_wall_s = self._end_wall_s = self._gives_up_wall_s = 0.0
        self._first_action_at = 0.0
        self._resetting: Future | None = None
        self._written = False
        self._connect()

    def _connect(self) -> None:
        for arm in self._hw.arms:
            topic = f"{arm}/follower/joint_states"
            self._listen(JointState, topic, _EVERY_ONE, partial(self._on_joints, arm), raw=True)
        for name, camera in self._hw.cameras.items():
            topic = f"{camera.namespace}/image_raw"
            on_picture = partial(self._newest.__setitem__, name)
            self._listen(Image, topic, qos.SENSOR, on_picture, raw=True)
        self._listen(TaskState, "sim/task_state", qos.LATCHED, self._on_task)
        self._listen(GateState, "gate/state", qos.LATCHED, self._on_gate)
        self._listen(ArmTarget, "gate/target", qos.REPORT, self._on_step)
        self._listen(InferenceReport, "policy/inference", qos.REPORT, self._on_inference)
        self._reset = self.create_client(ResetScene, "sim/reset")
        self._shutdown = self.create_client(Trigger, "manager/shutdown")
        self._wall = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_WATCH_PERIOD_S, self._watch, clock=self._wall)
        self.create_timer(1.0 / self._given.video_fps, self._film)

    def _listen(
        self,
        kind: type,
        topic: str,
        profile: QoSProfile,
        callback: Callable[..., None],
        raw: bool = False,
    ) -> None:
        self.create_subscription(kind, topic, callback, profile, raw=raw)

    def _on_joints(self, arm: str, message: bytes) -> None:
        if self._course.running:
            # CDR: four bytes of encapsulation, then the header's stamp.
            sec, nanosec = struct.unpack_from("<iI", message, 4)
            self._record.joint_times_s.setdefault(arm, []).append(sec + nanosec * 1e-9)

    def _on_task(self, message: TaskState) -> None:
        self._progress = message.progress
        # A twin that does not make the time says how fast it is.
        self._twin_speed = None if self._simulated else message.real_time_factor
        if self._course.running:
            reached = zip(message.milestones, message.milestones_reached)
            self._record.milestones = dict(reached)
        scene = Scene(message.task, message.variant, message.seed)
        self._course.saw_scene(scene, message.success, _seconds(message.header.stamp))

    def _on_gate(self, message: GateState) -> None:
        executing, active = message.mode == GateState.EXECUTING, message.mode != GateState.INACTIVE
        self._course.saw_gate(executing, message.reason, _seconds(message.header.stamp), active)
        if self._course.outcome is None:
            self._record.clamped.append(message.commands_clamped)
            self._record.refused.append(message.chunks_refused)

    def _on_step(self, message: ArmTarget) -> None:
        issued_s = _seconds(message.issued)
        before = self._course.running
        self._course.saw_step(issued_s)
        if not self._course.running:
            return
        if not before:
            self._start_wall_s = time.monotonic()
            self._first_action_at = time.time()
            self._say("the policy acts")
        self._record.step_times_s.append(issued_s)

    def _on_inference(self, message: InferenceReport) -> None:
        if self._course.outcome is not None:
            return
        record = self._record
        record.observation_age_ms.append(message.observation_age_ms)
        record.inference_ms.append(message.inference_ms)
        time_s = _seconds(message.header.stamp) + message.latency_ms * 1e-3
        counts = zip(message.cameras, message.frames_received, message.frames_dropped)
        for camera, received, dropped in counts:
            record.camera_counts.setdefault(camera, []).append(
                CameraCount(time_s, received, dropped)
            )

    def _film(self) -> None:
        if self._course.running and self._newest:
            pictures = [self._decode(name) for name in self._hw.cameras]
            self._video.add(_seconds(self.get_clock().now().to_msg()), pictures)

    def _decode(self, camera: str) -> Picture | None:
        data = self._newest.get(camera)
        return None if data is None else images.from_message(deserialize_message(data, Image))

    def _watch(self) -> None:
        self._lay_scene()
        now_s = _seconds(self.get_clock().now().to_msg())
        self._course.advance(now_s, time.monotonic())
        if self._course.outcome is not None:
            self._end()
        elif self._course.running and int(self._course.elapsed_s) > self._said_s:
            self._said_s = int(self._course.elapsed_s)
            self._say(f"{self._said_s:3d} s  {self._progress}  {self._speed()}".rstrip())

    def _speed(self) -> str:
        if self._given.judged:
            wall_s = time.monotonic() - self._start_wall_s
            factor = self._twin_speed or self._course.elapsed_s / wall_s
            return f"(real-time factor {factor:.2f})"
        return ""

    def _lay_scene(self) -> None:
        if not self._course.wants_reset() or not self._reset.service_is_ready():
            return
        if self._resetting is None:
            scene = self._course.scene
            request = ResetScene.Request(task=scene.task, variant=scene.variant, seed=scene.seed)
            self._resetting = self._reset.call_async(request)
        elif self._resetting.done():
            answer = self._resetting.result()
            if not answer.success:
                self._course.abort(f"the scene cannot be laid: {answer.message}")
            self._resetting = None

    def _end(self) -> None:
        """Writes everything; then the manager takes the stack down, unless there was no episode."""
        if self._written:
            if not self._shutdown.service_is_ready() or time.monotonic() > self._gives_up_wall_s:
                finish()
            return
        self._write()
        if self._ending().outcome.carried_out and self._shutdown.service_is_ready():
            self._shutdown.call_async(Trigger.Request())
            self._gives_up_wall_s = time.monotonic() + _SHUTDOWN_PATIENCE_S
        else:
            finish(0 if self._ending().outcome.carried_out else 1)

    def _write(self) -> None:
        self._written = True
        self._end_wall_s = time.monotonic()
        self._video.close()
        if self._video.problem:
            self.get_logger().error(self._video.problem)
        given = self._given
        extra: dict[str, object] = {"checkpoint": given.checkpoint}
        if given.launched_at and self._first_action_at:
            extra["first_action_after_s"] = round(self._first_action_at - given.launched_at, 1)
        file = self._folder / "summary.json"
        try:
            write_json(file, summarise(self._ending(), self._record, extra))
        except OSError as error:
            self.get_logger().error(f"{file} cannot be written: {error.strerror}")

    def _ending(self) -> Ending:
        course = self._course
        assert course.outcome is not None
        wall_s = self._end_wall_s - self._start_wall_s if self._start_wall_s else 0.0
        return Ending(
            course.scene, course.outcome, course.reason, course.elapsed_s, wall_s, self._twin_speed
        )

    def close(self) -> None:
        """Called at the end of the process: an unfinished episode is written as interrupted."""
        self._course.interrupt()
        if not self._written:
            self._write()
        steps = len(self._record.step_times_s)
        self._say(result_line(self._ending(), steps, _short(self._folder)))

    def _say(self, text: str) -> None:
        print(text, flush=True)


def _seconds(stamp: Time) -> float:
    return float(stamp.sec + stamp.nanosec * 1e-9)


def _short(folder: Path) -> str:
    """The folder as one would type it here."""
    try:
        return str(folder.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(folder)


def main() -> None:
    """Entry point."""
    run_node(EpisodeNode)


if __name__ == "__main__":
    main()

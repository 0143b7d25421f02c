"""The launched robot or twin, as a session needs it: loads, homes, resets scenes, plays."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rclpy.node import Node
from std_srvs.srv import Trigger
from vega_msgs.msg import GateState
from vega_msgs.srv import ResetScene
from vega_runtime.stamps import now_s, to_seconds

from hw_config import HardwareConfig, TaskConfig
from teleop.errors import TeleopError
from teleop.session.consent import Consent
from vega_core.provenance import GitState
from vega_eval.episode.episode_state_machine import (
    EpisodeOutcome,
    EpisodeScene,
    EpisodeStateMachine,
    Patience,
)
from vega_eval.episode.observer import Observer, Tap
from vega_eval.episode.summary import increase
from vega_eval.failure_types import FailureType
from vega_eval.scoring import NEVER_ACTED, failure_type, trial_figures, verdict_by_rules
from vega_eval.session.node_control import NODE, NodeCalls, PolicyControl
from vega_eval.session.placement_images import RESET, CameraImage, PlacementImages
from vega_eval.session.recording import TrialRecorder
from vega_eval.session.robot_backend import BackendError, SessionStopped, TrialResult
from vega_eval.session.robot_health import PRESSED, RobotHealth
from vega_eval.trials.record import Files, TrialRecord, TrialStarted, TrialVerdict
from vega_eval.trials.schedule import Placement
from vega_eval.trials.session_spec import TaskSpec

_HOME_S, _SCENE_S = 60.0, 30.0
# How near is at home, and how near makes the way home needless.
_AT_HOME, _EXACTLY = (0.05, 0.01), (0.01, 0.002)
_CHUNK_S = 0.3  # about how long a chunk leads until the next one takes over
# After a scene was reset, so much older images must be gone from everybody's queues (ROS time).
_SETTLED_S = 0.3
# The gate says that it leads the arms home within the first, and they lag its end by less than the
# second, also on a busy computer.
_LEADS_S, _LAGS_S = 5.0, 1.0
_POLL_S = 0.02
VIDEO = "video.mp4"


@dataclass(frozen=True)
class SessionSetup:
    """What is played where.

    Attributes:
        hardware: The setup.
        task: Of hw_config.
        task_spec: What is asked for.
        robot: sim, emulated or real.
        judged: Whether the twin's rules judge.
        patience: Of a trial's episode.
        operator: Recorded with everything.
        git: The code.
    """

    hardware: HardwareConfig
    task: TaskConfig
    task_spec: TaskSpec
    robot: str
    judged: bool
    patience: Patience
    operator: str
    git: GitState


class RosBackend:
    """Does what the trial runner asks; see `robot_backend.RobotBackend`.

    Attributes:
        observer: What is seen.
        episode: The present trial's; None between trials.
        recorder: Records MCAP; None before the session's folder is there.
        policy: The policy node.
        resets: CameraImages of the placements.
        head_frame: Frame of the head camera's images.
        schedule_length: Trials of the session; 0 before it is known.
    """

    def __init__(
        self,
        node: Node,
        setup: SessionSetup,
        video_fps: int,
        stopping: Callable[[], bool],
        ends: Callable[[], bool],
        consent: Consent,
    ) -> None:
        """Connects.

        Args:
            node: Whose topics and services they are.
            setup: What is played where.
            video_fps: Frames a second of the videos.
            stopping: Whether the session's end was asked for.
            ends: Whether the operator has ended the present trial.
            consent: Of people, without which no arm begins to move; ended here by what is seen.
        """
        self._node, self._setup = node, setup
        self._stopping, self._ends, self._consent = stopping, ends, consent
        self.recorder: TrialRecorder | None = None
        self.episode: EpisodeStateMachine | None = None
        self.observer = Observer(node, setup.hardware, video_fps, self._tap)
        self._health = RobotHealth(node, setup.hardware, trouble=consent.interrupt)
        self._taps: list[Tap] = [self._health.tap]
        self.images = PlacementImages(setup.task_spec, not setup.judged, node.get_logger().warning)
        self._calls = NodeCalls(node, stopping, NODE)
        self.policy = PolicyControl(self._calls, consent)
        self._calls.offer(Trigger, "gate/home")
        if setup.robot != "real":
            self._calls.offer(ResetScene, "sim/reset")
        self._overview = setup.hardware.overview_camera.name
        self.head_frame = setup.hardware.overview_camera.frame_id
        self.schedule_length = 0

    def _tap(self, what: str, name: str, cdr: bytes) -> None:
        for tap in self._taps:
            tap(what, name, cdr)

    def record_with(self, recorder: TrialRecorder) -> None:
        """From now on trials are recorded by it, too."""
        self.recorder = recorder
        self._taps.append(recorder.tap)

    def missing(self) -> list[str]:
        return self._health.problems()

    def stopped(self) -> bool:
        """Whether the emergency stop is pressed."""
        return self._health.estopped

    def watch(self) -> None:
        """Follows robot and trial; called by the spinning thread ten times a second."""
        self._health.watch()
        episode = self.episode
        if episode is not None:
            self.observer.measure_way()
            episode.advance(self._now_s(), time.monotonic())
        if self.recorder is not None:
            self.recorder.update()

    def load(self, letter: str) -> None:
        self.policy.load(letter)

    def home(self) -> None:
        if self._is_home(*_EXACTLY):
            return
        self._calls.ask("gate/home", Trigger.Request(), self._consent)
        until_s = time.monotonic() + _LEADS_S

        def over() -> bool:
            nonlocal until_s
            now_s, led = time.monotonic(), self._is_led_home()
            if led:
                until_s = now_s + _LAGS_S
            arrives = led or (now_s < until_s and not self._is_home(*_AT_HOME))
            return not (self._consent.given and arrives)

        in_time = self._calls.until(over, _HOME_S)
        if in_time and self._consent.given and self._is_home(*_AT_HOME):
            return
        self._stop_on_the_way("" if in_time else f" within {_HOME_S:g} s")

    def _is_led_home(self) -> bool:
        gate = self.observer.gate
        return gate is not None and gate.mode == GateState.HOMING

    def _stop_on_the_way(self, late: str) -> None:
        """Lets the arms rest where they are. Always raises BackendError."""
        gate = self.observer.gate
        said = gate.reason if gate is not None else "the gate says nothing"
        why = said if self._consent.given else self._consent.why
        text = f"the arms did not come home{late} ({why})"
        self._consent.interrupt(text)
        self.policy.hold()
        raise BackendError(text)

    def _is_home(self, within_rad: float, within_m: float) -> bool:
        for name, arm in self._setup.hardware.arms.items():
            here = self.observer.joints(name)
            if here is None:
                return False
            away = np.abs(here - np.array(arm.home))
            if away[:-1].max() > within_rad or away[-1] > within_m:
                return False
        return True

    def reset_scene(self, placement: Placement, index: int) -> None:
        self.images.prepare(placement, index)
        if self._setup.robot == "real":
            return
        task_spec = self._setup.task_spec
        seed = placement.seed or 0
        request = ResetScene.Request(task=task_spec.task, variant=task_spec.variant, seed=seed)
        reset = self._calls.ask("sim/reset", request, self._consent)
        if not self._calls.until(lambda: self._shows(int(reset.episode)), _SCENE_S):
            raise BackendError(f"the twin does not show the scene of seed {seed}")

    def _shows(self, episode: int) -> bool:
        """Whether the scene is there, and in every image that anybody may still use."""
        task = self.observer.task
        if task is None or int(task.episode) < episode:
            return False
        reset_s = to_seconds(task.header.stamp) - float(task.time_s)
        stamps = [self.observer.image_stamp_s(name) for name in self._setup.hardware.cameras]
        return all(stamp is not None and stamp > reset_s + _SETTLED_S for stamp in stamps)

    def play(self, started: TrialStarted, placement: Placement, folder: Path) -> TrialResult:
        setup = self._setup
        scene = EpisodeScene(setup.task_spec.task)
        if setup.judged:
            scene = EpisodeScene(setup.task_spec.task, setup.task_spec.variant, placement.seed or 0)
        difference = self.images.photograph(folder, self.observer.image(self._overview))
        episode = EpisodeStateMachine(
            scene, setup.task_spec.time_limit_s, setup.patience, time.monotonic(), setup.judged
        )
        recording = self._begin_recording(placement)
        self.observer.follow(episode, folder / VIDEO, f"trial {started.trial}")
        self.episode = episode
        wall_s = 0.0
        try:
            self.policy.act()
            problem, estopped = self._watch_until_over(episode)
            wall_s = self.observer.wall_s
        finally:
            self.episode = None
            self._end()
        record = self.observer.record
        verdict = None
        if setup.judged or problem:
            verdict = self._verdict(episode, problem, estopped)
        return TrialResult(
            verdict=verdict,
            figures=trial_figures(record, episode.elapsed_s, wall_s),
            files=Files(
                video=_relative(folder, VIDEO),
                recording=recording,
                reset=_relative(folder, RESET),
            ),
            reset_difference=difference,
            stopped=estopped,
        )

    def _end(self) -> None:
        """The arms hold, and everything that was written beside is complete."""
        try:
            # When the end was asked for, the manager takes the policy down.
            with contextlib.suppress(SessionStopped):
                self.policy.rest()
        finally:
            problem = self.observer.end()
            if problem:
                self._node.get_logger().error(problem)
            if self.recorder is not None:
                self.recorder.stop()

    def _watch_until_over(self, episode: EpisodeStateMachine) -> tuple[str, bool]:
        """Waits until the trial is over; what was wrong, and whether it was an emergency stop."""
        while episode.outcome is None:
            # Seen before `ends` is asked: who ends a trial by hand ends the consent after it.
            barred = self._consent.barred()
            if self._ends():
                break
            if self._stopping():
                episode.interrupt()
                raise SessionStopped
            # What is over already has ended the consent all the same.
            problems = self._health.problems() or ([barred] if barred else [])
            if self._health.estopped or barred == PRESSED:
                episode.stop(PRESSED)
            elif problems:
                episode.abort(problems[0])
                return "; ".join(problems), False
            time.sleep(_POLL_S)
        episode.interrupt()
        gate = self.observer.gate
        if gate is not None and gate.mode != GateState.EXECUTING:
            self._consent.interrupt(f"the arms were held ({gate.reason})")
        return "", episode.outcome is EpisodeOutcome.STOPPED

    def _verdict(self, episode: EpisodeStateMachine, problem: str, estopped: bool) -> TrialVerdict:
        outcome, reason = episode.outcome or EpisodeOutcome.ABORTED, episode.reason
        never_acted = episode.start_s is None and outcome is EpisodeOutcome.ABORTED
        if never_acted and not (problem or estopped):
            outcome, reason = EpisodeOutcome.FAILURE, f"{NEVER_ACTED}; {reason}"
        record = self.observer.record
        return verdict_by_rules(
            outcome, reason, record.milestones, self._failure_type(), problem, estopped
        )

    def _failure_type(self) -> FailureType | None:
        task = self.observer.task
        if task is None:
            return None
        record, rates = self.observer.record, self._setup.hardware.rates
        # A refused chunk stands for the commands until the next one.
        chunks = increase(record.out_of_workspace)
        blocked = increase(record.blocked) + round(chunks * rates.gate_hz * _CHUNK_S)
        return failure_type(task.signs, blocked_by_workspace=blocked)

    def finish_recording(self, record: TrialRecord) -> None:
        if self.recorder is None:
            return
        try:
            self.recorder.finish(record)
        except TeleopError as error:
            raise BackendError(str(error)) from None

    def _begin_recording(self, placement: Placement) -> str:
        setup = self._setup
        if self.recorder is None:
            return ""
        try:
            return self.recorder.begin(
                setup.task, setup.task_spec.variant, setup.operator, placement, setup.git
            )
        except TeleopError as error:
            raise BackendError(str(error)) from None

    def reset_image(self) -> CameraImage | None:
        """What helps to reset the present scene; see `PlacementImages.blended`."""
        return self.images.blended(self.observer.image(self._overview))

    def _now_s(self) -> float:
        return now_s(self._node.get_clock())


def _relative(folder: Path, name: str) -> str:
    return f"{folder.parent.name}/{folder.name}/{name}" if (folder / name).exists() else ""

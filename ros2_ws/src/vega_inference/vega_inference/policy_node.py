"""The policy as a lifecycle node: cameras and joint states in, action chunks out."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Image, JointState
from vega_msgs.msg import ActionChunk, InferenceReport
from vega_msgs.srv import SelectPolicy
from vega_runtime import diagnostics, node, qos
from vega_runtime.joints import NamedJoints
from vega_runtime.lifecycle import LifecycleNode, TransitionError
from vega_runtime.logs import log
from vega_runtime.owned import OwnedEntities
from vega_runtime.parameters import declare, parameter
from vega_runtime.stamps import now_s, to_seconds

import hw_config
from vega_core import cdr_image
from vega_inference import messages
from vega_inference.loop import Inference, InferenceLoop, SourceWatch
from vega_inference.observation import ObservationBuffer, Snapshot, StaleObservation
from vega_inference.pace import Pace, latency_s
from vega_policy import device as devices
from vega_policy import instructions
from vega_policy.contract import FILE_NAME, PolicyContract
from vega_policy.errors import PolicyError, listed
from vega_policy.kinds import load_contract, open_policy
from vega_policy.policy import Observation, Policy

_WATCH_HZ = 20.0
_MEASUREMENTS = 3


@dataclass(frozen=True)
class Parameters:
    """Parameters of the node; rates and ages come from hw_config."""

    checkpoint: str = parameter("", "directory of the policy (it holds a policy.yaml)")
    task: str = parameter("close_laptop", "task of hw_config whose instruction the policy gets")
    device: str = parameter("cpu", f"where the model runs: {devices.WORDS}")
    threads: int = parameter(1, "CPU threads of the model", 1, 64)
    replan_steps: int = parameter(
        8,
        "control steps from one inference to the next; fewer where a chunk is over by then",
        1,
        200,
    )


class PolicyNode(LifecycleNode):
    """Infers while it is active; one chunk in flight, always from the newest frames."""

    def __init__(self) -> None:
        super().__init__("policy")
        self._settings = declare(self, Parameters)
        self._checkpoint, self._alias = self._settings.checkpoint, ""
        self._policy: Policy | None = None
        self._active = False
        self._ros_clock = self.get_clock()
        self._loop: InferenceLoop | None = None
        # What `configure` and `activate` open, and their opposites close.
        self._owned_topics, self._owned_timers = OwnedEntities(self), OwnedEntities(self)
        self.create_service(SelectPolicy, "policy/select", self._on_select)

    def configure(self) -> None:
        """Loads the checkpoint, checks it against hw_config, and lets it warm up."""
        self._hardware = hw_config.load()
        self._task = hw_config.load_task(self._settings.task)
        wrong = instructions.fault(self._task.instruction)
        if wrong:
            raise TransitionError(f"the instruction of task {self._task.name}: {wrong}")
        policy = self._policy = self._load()
        rates = self._hardware.rates
        self._dt_s = 1.0 / rates.control_hz
        self._names = list(self._hardware.joint_names)
        self._rates: dict[str, diagnostics.RateMeter] = {
            name: diagnostics.RateMeter(60) for name in self._hardware.cameras
        }
        # What is wrong with joint states is the gate's to report.
        self._joints: dict[str, NamedJoints] = {
            name: NamedJoints(f"{name} arm", arm.joint_names)
            for name, arm in self._hardware.arms.items()
        }
        self._last_inference_ms = 0.0
        self._buffer = ObservationBuffer(
            {name: camera.fps for name, camera in self._hardware.cameras.items()},
            {name: len(arm.joint_names) for name, arm in self._hardware.arms.items()},
            rates.max_image_age_s,
            rates.max_state_age_s,
            cdr_image.rgb_pixels,
        )
        self._watch = SourceWatch(self._buffer, partial(log, self))
        replan_s = self._replan_steps * self._dt_s
        self._loop = InferenceLoop(
            self._buffer,
            partial(self._infer, policy),
            self._send,
            self._now_s,
            replan_s,
            partial(log, self),
        )
        self._connect()

    def _load(self) -> Policy:
        settings, called = self._settings, self._alias or self._checkpoint
        if not self._checkpoint:
            raise TransitionError("no checkpoint given; set the parameter 'checkpoint'")
        try:
            policy = open_policy(Path(self._checkpoint), self._device(), settings.threads)
        except PolicyError as error:
            raise TransitionError(str(error)) from None
        try:
            self._check(policy.contract)
            self._replan_steps = self._paced(policy, called)
        except TransitionError:
            policy.close()
            raise
        # The recipe would tell who hides behind an alias.
        recipe = "" if self._alias else f" (recipe {policy.contract.recipe})"
        self.get_logger().info(f"loaded {called}{recipe}")
        if not self._alias:
            self._tell_what_is_new(policy.contract)
        return policy

    def _device(self) -> str:
        word = self._settings.device
        try:
            contract = load_contract(Path(self._checkpoint))
        except PolicyError:  # told when the policy is opened
            return devices.resolve(word)
        told = devices.ignored(contract, word)
        if told and not self._alias:  # the kind would tell who hides behind an alias
            self.get_logger().info(told)
        if not contract.takes_device:
            devices.check_word(word)
            return "cpu"
        found = devices.resolve(word)
        if word == "auto":
            self.get_logger().info(f"device:=auto: runs on {found}")
        return found

    def _tell_what_is_new(self, contract: PolicyContract) -> None:
        if self._task.name not in contract.tasks:
            self.get_logger().warning(
                f"this policy was not trained on {self._task.name}, only on "
                f"{listed(contract.tasks) or 'nothing'}: expect it to fail"
            )
        new = instructions.untrained(
            self._task.instruction, contract.known_instructions, bool(contract.instructions)
        )
        if new:
            self.get_logger().warning(new)

    def _check(self, contract: PolicyContract) -> None:
        try:
            contract.check_against(self._hardware)
        except PolicyError as error:
            raise TransitionError(str(error)) from None

    def _paced(self, policy: Policy, called: str) -> int:
        """Control steps from one inference to the next: those wanted, or what chunks last for."""
        rates, wanted = self._hardware.rates, self._settings.replan_steps
        frame_s = 1.0 / min(camera.fps for camera in self._hardware.cameras.values())
        chunk, dt_s = policy.contract.chunk, 1.0 / rates.control_hz
        pace = Pace(chunk, dt_s, frame_s, rates.max_chunk_age_s)
        steps, latency = None, 0.0
        for _ in range(_MEASUREMENTS):  # the computer may just be busy with something else
            latency = self._measured_latency_s(policy, called)
            steps = pace.replan_steps(wanted, latency)
            if steps is not None or latency > chunk * dt_s:
                break
        policy.reset()
        told = (
            f"{called}: an inference takes {1e3 * latency:.0f} ms, a chunk of {chunk} steps lasts"
        )
        if steps is None:
            raise TransitionError(
                f"{told} {chunk * dt_s:g} s, which is over before the next one can be there: the "
                "arms would hold again and again. Run it on a GPU (device:=cuda) or a faster "
                "computer, or take a policy of longer chunks"
            )
        if steps < wanted:
            self.get_logger().warning(
                f"{told} {chunk * dt_s:g} s: with replan_steps {wanted} it would be over before "
                f"the next one is there, so that replan_steps is {steps}"
            )
        return steps

    def _measured_latency_s(self, policy: Policy, called: str) -> float:
        cameras = self._hardware.cameras.items()
        snapshot = Snapshot(
            self._now_s(),
            {
                name: np.zeros((camera.height, camera.width, 3), np.uint8)
                for name, camera in cameras
            },
            np.asarray(self._hardware.home, np.float32),
            0.0,
        )
        try:
            return latency_s(partial(self._infer, policy, snapshot))
        except PolicyError as error:
            raise TransitionError(f"{called}: {error}") from None
        except Exception as error:  # whatever a model raises, out of memory for example
            raise TransitionError(f"{called}: the model failed: {error!r}") from None

    def _connect(self) -> None:
        topics = self._owned_topics
        for name, camera in self._hardware.cameras.items():
            callback = partial(self._on_image, name)
            # Raw: a frame is only taken apart when the model is about to see it.
            topics.subscribe(Image, f"{camera.namespace}/image_raw", callback, qos.SENSOR, raw=True)
        for arm in self._hardware.arms:
            callback = partial(self._on_state, arm)
            topics.subscribe(JointState, f"{arm}/follower/joint_states", callback, qos.SENSOR)
        self._chunks = topics.publisher(ActionChunk, "action_chunk", qos.COMMAND)
        self._reports = topics.publisher(InferenceReport, "policy/inference", qos.REPORT)
        self._diagnostics = topics.publisher(DiagnosticArray, "/diagnostics", qos.REPORT)

    def activate(self) -> None:
        """Starts inferring as soon as every source is fresh; until then nothing is sent."""
        policy, loop = self._policy, self._loop
        if policy is None or loop is None:
            raise RuntimeError("the policy node is not configured")
        policy.reset()
        self._active = True
        self._watch.start(self._now_s())
        self._buffer.reset_counts()
        loop.start()
        self._owned_timers.timer(1.0 / _WATCH_HZ, self._poll)
        self._owned_timers.timer(1.0, self._publish_diagnostics)
        self.get_logger().info(f"running: {self._task.instruction!r}")

    def deactivate(self) -> None:
        """Stops inferring; no chunk is sent after this."""
        self._active = False
        self._owned_timers.destroy()
        if self._loop is not None:
            self._loop.stop()

    def cleanup(self) -> None:
        """Disconnects the topics and drops the model."""
        self.deactivate()
        self._owned_topics.destroy()
        self._loop = None
        self._close_policy()

    def close(self) -> None:
        """Called at the end of the process."""
        self.deactivate()
        self._close_policy()

    def _close_policy(self) -> None:
        policy, self._policy = self._policy, None
        if policy is not None:
            policy.close()

    def _on_select(
        self, request: SelectPolicy.Request, response: SelectPolicy.Response
    ) -> SelectPolicy.Response:
        if self._active:
            response.message = "the policy is active: deactivate it first"
        elif not Path(request.checkpoint, FILE_NAME).is_file():
            response.message = f"{request.checkpoint}: expected a folder with a {FILE_NAME}"
        else:
            self._checkpoint, self._alias = request.checkpoint, request.alias
            response.success = True
            response.message = "it is loaded when the node is configured next"
        return response

    def _now_s(self) -> float:
        return now_s(self._ros_clock)

    def _on_image(self, camera: str, cdr: bytes) -> None:
        loop = self._loop
        if loop is None:
            return  # it was on its way when the node was cleaned up
        stamp_s = cdr_image.stamp_s(cdr)
        self._buffer.add_frame(camera, stamp_s, cdr)
        self._rates[camera].add(stamp_s)
        loop.frames_came()

    def _on_state(self, arm: str, message: JointState) -> None:
        positions = self._joints[arm].positions(message)
        if positions is not None:
            self._buffer.add_state(arm, to_seconds(message.header.stamp), positions)

    def _poll(self) -> None:
        self._watch.poll(self._now_s())

    def _infer(self, policy: Policy, snapshot: Snapshot) -> np.ndarray:
        observation = Observation(
            snapshot.images, snapshot.state, self._task.instruction, snapshot.stamp_s
        )
        return policy.infer(observation).values

    def _send(self, inference: Inference) -> None:
        self._chunks.publish(
            messages.chunk_message(
                inference, self._names, self._dt_s, self._hardware.rates.max_chunk_age_s
            )
        )
        self._last_inference_ms = inference.inference_s * 1e3
        received, dropped = self._buffer.frames_received, self._buffer.frames_dropped
        self._reports.publish(messages.report_message(inference, received, dropped, self._now_s()))

    def _publish_diagnostics(self) -> None:
        level, text = diagnostics.OK, "inferring"
        try:
            self._buffer.check(self._now_s())
        except StaleObservation as problem:
            level, text = diagnostics.STALE, str(problem)
        dropped = self._buffer.frames_dropped
        values = {
            "inference_ms": self._last_inference_ms,
            **{f"{name}_hz": rate.hz for name, rate in self._rates.items()},
            **{f"{name}_dropped": count for name, count in dropped.items()},
        }
        stamp = self._ros_clock.now().to_msg()
        self._diagnostics.publish(diagnostics.report(stamp, "policy", level, text, values))


def main() -> None:
    """Runs the node."""
    try:
        node.main(PolicyNode)
    except SystemExit as ended:
        sys.stdout.flush()
        sys.stderr.flush()
        # All is closed. Unloading torch would take seconds on a busy machine.
        os._exit(ended.code if isinstance(ended.code, int) else 1)

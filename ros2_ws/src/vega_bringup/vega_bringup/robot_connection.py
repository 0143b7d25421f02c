"""A script's connection to a launched stack: a node of its own, spun by a thread of its own."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rcl_interfaces.srv import GetParameters
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.serialization import deserialize_message
from std_srvs.srv import Trigger
from vega_eval.episode.episode_state_machine import EpisodeScene, EpisodeStateMachine, Patience
from vega_eval.episode.observer import Observer
from vega_eval.session.node_control import NodeCalls
from vega_eval.session.robot_backend import BackendError
from vega_eval.session.robot_health import RobotHealth
from vega_msgs.msg import GateState
from vega_msgs.srv import EmergencyStop, ResetScene, SelectPolicy
from vega_runtime import stamps

import hw_config

POLICY = "policy"
_VIDEO_FPS = 15
_ANSWER_S, _TRIES, _POLL_S = 2.0, 5, 0.02
_CHANGE_S, _SCENE_S, _LOAD_S = 10.0, 30.0, 600.0
_AT_HOME = 0.05  # rad, m: as near as the way home leads


class Connection:
    """What a script asks of the stack, and what was heard of it last.

    Args:
        hardware: The cell.
        simulated_time: Whether the twin makes the time.
        namespace: Of the stack; empty for none.
        domain_id: ROS domain; None: that of the environment.

    Attributes:
        observer: What is seen.
        calls: Services and transitions, with deadlines.
    """

    def __init__(
        self,
        hardware: hw_config.HardwareConfig,
        simulated_time: bool,
        namespace: str,
        domain_id: int | None,
    ) -> None:
        self._hardware = hardware
        self._newest: dict[tuple[str, str], bytes] = {}
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain_id)
        self._node = node = Node(
            "robot",
            context=self._context,
            namespace=namespace or None,
            parameter_overrides=[Parameter("use_sim_time", value=simulated_time)],
        )
        self.observer = Observer(node, hardware, _VIDEO_FPS, self._note)
        self._health = RobotHealth(node, hardware)
        self.calls = NodeCalls(node, lambda: False, POLICY)
        self.calls.offer(SelectPolicy, "policy/select")
        self.calls.offer(ResetScene, "sim/reset")
        for name in ("home", "hold", "follow_policy"):
            self.calls.offer(Trigger, f"gate/{name}")
        self._estop = node.create_client(EmergencyStop, "gate/estop")
        self._state = node.create_client(GetState, "policy/get_state")
        self._parameters = node.create_client(GetParameters, "policy/get_parameters")
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Disconnects."""
        self._executor.shutdown()
        rclpy.try_shutdown(context=self._context)
        self._thread.join()
        self._node.destroy_node()

    def _note(self, what: str, name: str, cdr: bytes) -> None:
        self._newest[what, name] = cdr
        self._health.tap(what, name, cdr)

    def newest(self, kind: Any, what: str, name: str) -> Any:
        """The newest message of a "camera" or an "arm"."""
        return deserialize_message(self._newest[what, name], kind)

    def problems(self) -> list[str]:
        """What keeps a policy from acting, for people."""
        return self._health.problems()

    @property
    def heard(self) -> bool:
        """Whether every camera, every arm and the gate have been heard."""
        sources = len(self._hardware.cameras) + len(self._hardware.arms)
        return len(self._newest) == sources and self.observer.gate is not None

    @property
    def estopped(self) -> bool:
        """Whether the emergency stop is pressed."""
        gate = self.observer.gate
        return self._health.estopped or (gate is not None and gate.mode == GateState.ESTOP)

    @property
    def at_home(self) -> bool:
        """Whether both arms have arrived in their resting posture."""
        here = np.concatenate([self.observer.joints(arm) for arm in self._hardware.arms])
        gate = self.observer.gate
        near = bool(np.abs(here - np.array(self._hardware.home)).max() < _AT_HOME)
        return near and gate is not None and gate.mode != GateState.HOMING

    def press_estop(self, level: int) -> None:
        """Raises BackendError when the gate does not answer, or not all was done."""
        request = EmergencyStop.Request(level=level, by="a script")
        asked = self._estop.call_async(request)
        if not self.calls.until(asked.done, _ANSWER_S):
            raise BackendError("THE GATE DOES NOT ANSWER: use the power switch if the arms move")
        if not asked.result().success:
            raise BackendError(asked.result().message)

    def reset_scene(self, task: str, variant: str, seed: int) -> None:
        """Has the twin place its objects anew, and waits until it has. Raises BackendError."""
        request = ResetScene.Request(task=task, variant=variant, seed=seed)
        episode = self.calls.ask("sim/reset", request).episode

        def shown() -> bool:
            return self.observer.task is not None and self.observer.task.episode >= episode

        if not self.calls.until(shown, _SCENE_S):
            raise BackendError(f"the twin does not show the scene of seed {seed}")

    @staticmethod
    def time_limit_s(task: str) -> float:
        """Of a task of hw_config. Raises BackendError."""
        try:
            return hw_config.load_task(task).time_limit_s
        except hw_config.ConfigError as error:
            raise BackendError(str(error)) from None

    def load(self, task: str, checkpoint: str) -> None:
        """Has a policy loaded that does not act yet; empty: the loaded one, or the launch's.

        Raises:
            BackendError: It cannot be loaded, acts already, or was launched for another task.
        """
        given = self._answer(self._parameters, GetParameters.Request(names=["task"]))
        launched = given.values[0].string_value
        if launched != task:
            raise BackendError(f"the policy node was launched with task:={launched}, not {task}")
        state = self._answer(self._state, GetState.Request()).current_state.id
        if state == State.PRIMARY_STATE_ACTIVE:
            raise BackendError("the policy acts already: launch the stack with idle:=true")
        loaded = state == State.PRIMARY_STATE_INACTIVE
        if checkpoint and loaded:
            self.calls.change(POLICY, "cleanup", _CHANGE_S)
            loaded = False
        if checkpoint:
            folder = str(Path(checkpoint).resolve())
            self.calls.ask("policy/select", SelectPolicy.Request(checkpoint=folder))
        if not loaded:
            self.calls.change(POLICY, "configure", _LOAD_S)

    def _answer(self, client: Client, request: Any) -> Any:
        for _ in range(_TRIES):  # an answer is lost when its client is not discovered in time
            asked = client.call_async(request)
            if self.calls.until(asked.done, _ANSWER_S):
                return asked.result()
        raise BackendError("the policy node does not answer: is it launched?")

    def run(self, task: str, limit_s: float, judged: bool, video: Path) -> EpisodeStateMachine:
        """Lets the policy act until the episode has an outcome; then, and after any error, the
        arms hold.

        Raises:
            BackendError: The twin shows another task, or something does not do what it is asked.
        """
        scene, now_s = self._scene(task, judged), time.monotonic()
        episode = EpisodeStateMachine(scene, limit_s, Patience(), now_s, judged)
        acting = False
        self.observer.follow(episode, video)
        try:
            self.calls.ask("gate/follow_policy", Trigger.Request())
            acting = True
            self.calls.change(POLICY, "activate", _CHANGE_S)
            while episode.outcome is None:
                ros_s = stamps.now_s(self._node.get_clock())
                episode.advance(ros_s, time.monotonic())
                if self.estopped:
                    episode.abort("the emergency stop was pressed")
                time.sleep(_POLL_S)
        finally:
            self.observer.end()
            self._rest(acting)
        return episode

    def _scene(self, task: str, judged: bool) -> EpisodeScene:
        seen = self.observer.task
        if not judged or seen is None:
            return EpisodeScene(task)
        if seen.task != task:
            raise BackendError(f"the twin shows {seen.task}: reset its scene to {task} first")
        return EpisodeScene(task, seen.variant, seen.seed)

    def _rest(self, acting: bool) -> None:
        try:
            if not self.estopped:
                self.calls.ask("gate/hold", Trigger.Request())
        finally:
            if acting:
                self.calls.change(POLICY, "deactivate", _CHANGE_S)

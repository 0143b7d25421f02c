"""The node `conductor`: a recording session in the twin that runs by itself.

It asks for what a person would ask for, through the same services; with a person at the keyboard it
only resets the scenes.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rclpy.client import Client
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rclpy.task import Future
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool, Trigger
from vega_msgs.msg import EstopState, TaskState, TeleopState
from vega_msgs.srv import ResetScene
from vega_runtime import qos
from vega_runtime.node import finish
from vega_runtime.node import main as run_node
from vega_runtime.parameters import declare, parameter
from vega_runtime.stamps import to_seconds

import hw_config
from teleop.dataset.store import read_infos
from teleop.errors import TeleopError
from teleop.session.operator import SCRIPTED
from teleop.session.progress import format_duration
from teleop.session.state import SessionPhase
from teleop.session.unattended import (
    Action,
    GivenUp,
    SceneReport,
    SessionRequest,
    Situation,
    UnattendedSession,
)
from vega_teleop.staging import Seeds

_POLL_S = 0.1
_ANSWER_S, _MOST_UNANSWERED = 10.0, 3
_SHUTDOWN_PATIENCE_S = 4.0
_HOME_RAD, _HOME_M = 0.05, 0.01
_SEED = re.compile(r"seed (\d+)")


@dataclass(frozen=True)
class Parameters:
    """Parameters of the node."""

    dataset: str = parameter("", "folder that the episodes go to")
    task: str = parameter("close_laptop", "task of hw_config that is demonstrated")
    variant: str = parameter("easy", "of the task: easy or hard")
    seed: int = parameter(0, "no scene has a lower seed", low=0)
    robot: str = parameter("sim", "what stands behind the topics: sim or emulated")
    hands: str = parameter(SCRIPTED, "who moves the leaders: scripted or keyboard")


class _Asked(NamedTuple):
    request: SessionRequest
    answer: Future
    until_s: float


class UnattendedSessionNode(Node):
    """Resets scenes, and has the scripted operator fill the session."""

    def __init__(self) -> None:
        super().__init__("conductor")
        given = self._given = declare(self, Parameters)
        if not given.dataset:
            raise ValueError("the parameter 'dataset' is missing: a folder for the episodes")
        task = hw_config.load_task(given.task)
        hardware = hw_config.load()
        self._home = {str(name): np.array(arm.home) for name, arm in hardware.arms.items()}
        self._seeds = Seeds(task, given.variant, given.seed)
        self._scripted = given.hands == SCRIPTED
        # Only the twin that makes the time can put arms home, and no gate may lead them then.
        walks = given.robot != "sim" or hardware.topology == "bus_per_arm"
        self._plan = UnattendedSession(
            self._scripted, task.time_limit_s, self._next_seed, self._log, home_first=walks
        )
        self._began_s = time.monotonic()
        self._saved_before: int | None = None
        self._session: TeleopState | None = None
        self._scene: SceneReport | None = None
        self._stopped = False
        self._joints: dict[str, bytes] = {}
        self._asked: _Asked | None = None
        self._unanswered = 0
        self._ends_s: float | None = None
        self._connect()

    def _connect(self) -> None:
        self.create_subscription(TeleopState, "teleop/state", self._on_session, qos.LATCHED)
        self.create_subscription(TaskState, "sim/task_state", self._on_scene, qos.LATCHED)
        self.create_subscription(EstopState, "gate/estop_state", self._on_estop, qos.LATCHED)
        for arm in self._home:
            self.create_subscription(
                JointState,
                f"{arm}/follower/joint_states",
                partial(self._joints.__setitem__, arm),  # type: ignore[arg-type]
                qos.SENSOR,
                raw=True,
            )
        client = self.create_client
        self._reset = client(ResetScene, "sim/reset")
        self._act = client(SetBool, "operator/act")
        self._triggers = {
            what: client(Trigger, what.value)
            for what in (Action.START, Action.SAVE, Action.DISCARD, Action.END)
        }
        self.create_timer(_POLL_S, self._poll, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _on_session(self, state: TeleopState) -> None:
        self._session = state
        if self._saved_before is None:
            self._saved_before = state.saved

    def _on_scene(self, state: TaskState) -> None:
        stamp_s = to_seconds(state.header.stamp)
        self._scene = SceneReport(int(state.seed), bool(state.success), stamp_s)

    def _on_estop(self, state: EstopState) -> None:
        self._stopped = state.active

    def _poll(self) -> None:
        if self._ends_s is not None:
            if not self._triggers[Action.END].service_is_ready() or time.monotonic() > self._ends_s:
                finish()
            return
        try:
            if self._asked is not None:
                self._hear(self._asked)
            elif self._session is not None:
                self._ask(self._plan.next(self._situation(self._session), time.monotonic()))
        except (GivenUp, TeleopError) as error:
            self.get_logger().error(str(error))
            self._say_result()
            finish(1)

    def _situation(self, state: TeleopState) -> Situation:
        placed = _SEED.match(state.placement)
        return Situation(
            SessionPhase(state.phase),
            int(placed[1]) if placed else None,
            state.take_s,
            tuple(state.problems),
            state.text,
            self._scene,
            all(self._is_home(arm) for arm in self._home),
            self._stopped,
        )

    def _is_home(self, arm: str) -> bool:
        data = self._joints.get(arm)
        if data is None:
            return False
        away = np.abs(np.array(deserialize_message(data, JointState).position) - self._home[arm])
        return bool((away[:-1] < _HOME_RAD).all() and away[-1] < _HOME_M)

    def _ask(self, request: SessionRequest | None) -> None:
        if request is None:
            return
        client, message = self._message(request)
        if client.service_is_ready():
            until_s = time.monotonic() + _ANSWER_S
            self._asked = _Asked(request, client.call_async(message), until_s)

    def _message(self, request: SessionRequest) -> tuple[Client, Any]:
        if request.what is Action.RESET:
            given = self._given
            scene = ResetScene.Request(task=given.task, variant=given.variant, seed=request.seed)
            return self._reset, scene
        if request.what in (Action.ACT, Action.REST):
            return self._act, SetBool.Request(data=request.what is Action.ACT)
        return self._triggers[request.what], Trigger.Request()

    def _hear(self, asked: _Asked) -> None:
        if not asked.answer.done():
            if time.monotonic() > asked.until_s:
                self._asked = None
                self._unanswered += 1
                if self._unanswered > _MOST_UNANSWERED:
                    raise GivenUp(f"{asked.request.what.value} does not answer")
                self._plan.unanswered(asked.request)
            return
        self._asked, self._unanswered = None, 0
        answer = asked.answer.result()
        if not answer.success:
            self._plan.refused(asked.request, answer.message)
            return
        self._plan.done(asked.request)
        if asked.request.what is Action.END:
            self._say_result()
            self._ends_s = time.monotonic() + _SHUTDOWN_PATIENCE_S

    def _next_seed(self) -> int:
        return self._seeds.next(read_infos(Path(self._given.dataset).expanduser()))

    def _log(self, text: str) -> None:
        self.get_logger().warning(text)

    def _say_result(self) -> None:
        state = self._session
        if state is None or self._saved_before is None:
            return
        recorded = state.saved - self._saved_before
        took = format_duration(time.monotonic() - self._began_s)
        print(
            f"RESULT {state.task} ({self._given.variant}): {recorded} episodes recorded in {took}, "
            f"{len(self._plan.discarded)} takes discarded; {state.saved}/{state.wanted} "
            f"-> {self._given.dataset}",
            flush=True,
        )


def main() -> None:
    """Runs the node until the session is full, or it gives up."""
    run_node(UnattendedSessionNode)


if __name__ == "__main__":
    main()

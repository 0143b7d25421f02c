"""A gate node in a process of its own, and the arms and the policy around it, for measurements."""

from __future__ import annotations

import array
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import rclpy
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from numpy.typing import NDArray
from rclpy.client import Client
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from vega_control.estop import Level
from vega_msgs.msg import ActionChunk, ArmCommand, GateState
from vega_msgs.srv import EmergencyStop
from vega_runtime import qos
from vega_runtime.node import light_executor
from vega_runtime.stamps import set_seconds, to_seconds

import hw_config
from benches.harness import BenchError, end_process

Array = NDArray[np.float64]

_GATE = "from vega_control.gate_node import main; main()"
_WAIT_S = 20.0
_DOUBT_S = 2.0
_END_S = 5.0
_DT_S = 0.04


class Received(NamedTuple):
    """A command of the left arm: its number, when it was issued and ends, and positions [7]."""

    sequence: int
    issued_s: float
    deadline_s: float
    positions: Array


class GateUnderTest:
    """Arms that are where they were told to be, in real time; use as a context manager.

    Attributes:
        commands: What came in for the left arm; one that was overtaken by the next is missing.
        modes: When the gate told its mode, and which.
        silent: While set, the arms publish no joint states.
        last_state_s: When the arms last did.
    """

    def __init__(self) -> None:
        self._hardware = hw_config.load()
        self._node = rclpy.create_node("bench_cell")
        self.commands: list[Received] = []
        self.modes: list[tuple[float, int]] = []
        self.silent = threading.Event()
        self.last_state_s = 0.0
        self._positions: dict[str, Array] = {
            arm: np.array(c.home) for arm, c in self._hardware.arms.items()
        }
        self._sequence = 0
        self._ending = threading.Event()
        node = self._node
        self._states = {
            arm: node.create_publisher(JointState, f"{arm}/follower/joint_states", qos.SENSOR)
            for arm in self._hardware.arms
        }
        for arm in self._hardware.arms:
            node.create_subscription(
                ArmCommand, f"{arm}/follower/command", self._obeying(arm), qos.COMMAND
            )
        node.create_subscription(GateState, "gate/state", self._on_state, qos.LATCHED)
        self._chunks = node.create_publisher(ActionChunk, "action_chunk", qos.COMMAND)
        self._change = node.create_client(ChangeState, "gate/change_state")
        self._lifecycle = node.create_client(GetState, "gate/get_state")
        self._estop = node.create_client(EmergencyStop, "gate/estop")
        self._triggers: dict[str, Client] = {}
        self._executor = light_executor()
        self._executor.add_node(node)
        self._threads = [
            threading.Thread(target=self._spin, daemon=True),
            threading.Thread(target=self._publish_states, daemon=True),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> GateUnderTest:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _GATE, "--ros-args", "-r", "__node:=gate"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for thread in self._threads:
            thread.start()
        try:
            self._bring_to(Transition.TRANSITION_CONFIGURE, State.PRIMARY_STATE_INACTIVE)
            self._bring_to(Transition.TRANSITION_ACTIVATE, State.PRIMARY_STATE_ACTIVE)
            self.until("the gate commands", lambda: len(self.commands) > 10)
        except BenchError:
            self.__exit__()
            raise
        return self

    def _bring_to(self, transition: int, goal: int) -> None:
        """A busy computer may lose an answer: then the gate's state tells what became of it."""
        request = ChangeState.Request(transition=Transition(id=transition))
        if not self._change.wait_for_service(_WAIT_S):
            raise BenchError("the gate node did not start")
        end_s = time.monotonic() + _WAIT_S
        while time.monotonic() < end_s:
            answer = self._ask(self._change, request)
            if answer is not None and answer.success:
                return
            state = self._ask(self._lifecycle, GetState.Request())
            if state is not None and state.current_state.id == goal:
                return
        raise BenchError("the gate node refused a transition")

    def _ask(self, client: Client, request: Any) -> Any:
        """The answer, or None when none has come in 2 s."""
        future = client.call_async(request)
        end_s = time.monotonic() + _DOUBT_S
        while not future.done() and time.monotonic() < end_s:
            time.sleep(0.002)
        return future.result() if future.done() else None

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            end_process(self._process, _END_S)
        self._ending.set()
        for thread in self._threads:
            thread.join()
        self._executor.shutdown(timeout_sec=1.0)
        self._node.destroy_node()

    @property
    def pid(self) -> int:
        """Of the gate."""
        assert self._process is not None
        return self._process.pid

    @property
    def gone(self) -> bool:
        """Whether the gate's process has ended."""
        return self._process is not None and self._process.poll() is not None

    def _obeying(self, arm: str) -> Callable[[ArmCommand], None]:
        def obey(message: ArmCommand) -> None:
            positions = np.array(message.positions)
            self._positions[arm] = positions
            deadline_s = to_seconds(message.deadline)
            if arm == "left":
                issued_s = to_seconds(message.header.stamp)
                self.commands.append(Received(message.sequence, issued_s, deadline_s, positions))

        return obey

    def _on_state(self, message: GateState) -> None:
        self.modes.append((to_seconds(message.header.stamp), message.mode))

    def _spin(self) -> None:
        while not self._ending.is_set():
            self._executor.spin_once(timeout_sec=0.1)

    def _publish_states(self) -> None:
        period_s = 1.0 / self._hardware.rates.state_hz
        due_s = time.monotonic()
        while not self._ending.is_set():
            due_s = max(due_s + period_s, time.monotonic() - 0.05)
            if not self.silent.is_set():
                self._publish_state()
            time.sleep(max(0.0, due_s - time.monotonic()))

    def _publish_state(self) -> None:
        for arm, publisher in self._states.items():
            names = list(self._hardware.arms[arm].joint_names)
            message = JointState(name=names, position=array.array("d", self._positions[arm]))
            now_s = time.time()
            set_seconds(message.header.stamp, now_s)
            publisher.publish(message)
            self.last_state_s = now_s

    @property
    def positions(self) -> Array:
        """Where both arms are [14]."""
        return np.concatenate([*self._positions.values()])

    def send_chunk(self, steps: int, speed: float) -> float:
        """Sends a chunk that turns the first joints at `speed` (rad/s); returns when."""
        rows = np.tile(self.positions, (steps, 1))
        rows[:, [0, 7]] += np.arange(1, steps + 1)[:, None] * speed * _DT_S
        self._sequence += 1
        chunk = ActionChunk(
            sequence=self._sequence,
            names=list(self._hardware.joint_names),
            dt=_DT_S,
            steps=steps,
            positions=array.array("d", rows.ravel()),
        )
        now_s = time.time()
        set_seconds(chunk.header.stamp, now_s)
        set_seconds(chunk.deadline, now_s + 1.0)
        self._chunks.publish(chunk)
        return now_s

    def press_estop(self) -> float:
        """Calls the emergency stop and waits for its answer; returns when it was called."""
        called_s = time.time()
        self.call(self._estop, EmergencyStop.Request(level=int(Level.HOLD), by="the bench"))
        return called_s

    def trigger(self, name: str) -> None:
        """Calls a service of the gate.

        Raises:
            BenchError: It refused.
        """
        if name not in self._triggers:
            self._triggers[name] = self._node.create_client(Trigger, f"gate/{name}")
        answer = self.call(self._triggers[name], Trigger.Request())
        if not answer.success:
            raise BenchError(f"gate/{name}: {answer.message}")

    def call(self, client: Client, request: Any) -> Any:
        """Calls a service and waits for the answer."""
        if not client.wait_for_service(_WAIT_S):
            raise BenchError(f"there is no service {client.srv_name}")
        future = client.call_async(request)
        self.until(f"an answer of {client.srv_name}", future.done)
        return future.result()

    def mode_is(self, mode: int) -> bool:
        """Whether the gate said last that it is in this mode."""
        return bool(self.modes) and self.modes[-1][1] == mode

    def at_rest(self) -> bool:
        """Whether the newest 20 commands are the same."""
        newest = [command.positions for command in self.commands[-20:]]
        return len(newest) == 20 and all((q == newest[0]).all() for q in newest)

    def until(self, what: str, condition: Callable[[], bool]) -> None:
        """Waits for a condition.

        Raises:
            BenchError: It did not come about.
        """
        end_s = time.monotonic() + _WAIT_S
        while not condition():
            if time.monotonic() > end_s:
                raise BenchError(f"waited {_WAIT_S:g} s in vain for: {what}")
            time.sleep(0.002)

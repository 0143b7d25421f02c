"""The two processes of the recorder's bench: the recorder, and what sends to it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.client import Client
from std_srvs.srv import Trigger
from vega_msgs.msg import TeleopState
from vega_runtime import qos
from vega_runtime.node import light_executor

from benches.harness import BenchError, end_process

_WAIT_S = 30.0


class RecorderUnderTest:
    """The node `recorder` in a process of its own; use as a context manager."""

    def __init__(self, dataset: Path) -> None:
        self.phase = TeleopState.WAITING
        self.text = ""
        self.node = rclpy.create_node("bench_operator")
        self._change = self.node.create_client(ChangeState, "recorder/change_state")
        self._verbs = {
            verb: self.node.create_client(Trigger, f"teleop/{verb}")
            for verb in ("start", "save", "discard")
        }
        self.node.create_subscription(TeleopState, "teleop/state", self._on_state, qos.LATCHED)
        self._executor = light_executor()
        self._executor.add_node(self.node)
        self._ending = threading.Event()
        self._spinner = threading.Thread(target=self._spin, daemon=True)
        command = [sys.executable, "-m", "vega_teleop.recorder_node", "--ros-args"]
        # As on the robot: nobody resets scenes.
        given = {"dataset": dataset, "episodes": 100_000, "operator": "bench", "robot": "real"}
        for name, value in given.items():
            command += ["-p", f"{name}:={value}"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    @property
    def pid(self) -> int:
        """Of the recorder's process."""
        return self._process.pid

    def __enter__(self) -> RecorderUnderTest:
        self._spinner.start()
        for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            request = ChangeState.Request(transition=Transition(id=transition))
            if not self.call(self._change, request).success:
                raise BenchError("the recorder refused a transition; its words are above")
        return self

    def __exit__(self, *_: object) -> None:
        end_process(self._process, _WAIT_S)
        self._ending.set()
        if self._spinner.is_alive():
            self._spinner.join()
        self._executor.shutdown(timeout_sec=1.0)
        self.node.destroy_node()

    def _spin(self) -> None:
        while not self._ending.is_set():
            self._executor.spin_once(timeout_sec=0.1)

    def _on_state(self, message: TeleopState) -> None:
        self.phase, self.text = message.phase, message.text

    def call(self, client: Client, request: Any) -> Any:
        """Calls a service and returns its answer."""
        if not client.wait_for_service(_WAIT_S):
            raise BenchError(f"there is no service {client.srv_name}")
        future = client.call_async(request)
        self.until(f"an answer of {client.srv_name}", future.done)
        return future.result()

    def ask(self, verb: str) -> Trigger.Response:
        """Asks the session for something."""
        return self.call(self._verbs[verb], Trigger.Request())

    def until(self, what: str, happened: Callable[[], bool]) -> None:
        """Waits for something."""
        ends_s = time.monotonic() + _WAIT_S
        while not happened():
            if time.monotonic() > ends_s or self._process.poll() is not None:
                raise BenchError(f"waited in vain for {what}; the recorder says: {self.text}")
            time.sleep(0.005)


class Streams:
    """The process that sends; use as a context manager."""

    def __init__(self, frames: Path) -> None:
        command = [sys.executable, "-m", "benches.recorder.streams", "--frames", str(frames)]
        self._process = subprocess.Popen(command)

    def __enter__(self) -> Streams:
        return self

    def __exit__(self, *_: object) -> None:
        end_process(self._process, _WAIT_S)

    def check(self) -> None:
        """Raises BenchError when it has ended."""
        if self._process.poll() is not None:
            raise BenchError("the process that sends has ended; its words are above")

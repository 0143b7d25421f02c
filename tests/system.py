"""Starts the real system, watches what it says and does, and makes sure that nothing is left."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import rclpy
from domains import leased_domain
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.task import Future
from turns import turn
from vega_msgs.msg import GateState
from vega_msgs.srv import InjectFault
from vega_runtime import qos

from benches.launched import Launched

T = TypeVar("T")
PATIENCE_S = 90.0
_ASK_AGAIN_S = 20.0


class LaunchedSystem(Launched):
    """A launched system of a test, in a ROS domain of its own: what does not come, fails the test.

    Args:
        arguments: after `ros2 launch`.
        domain: ROS domain of everything in it.
        environment: variables on top of those of the tests.
    """

    def __init__(self, arguments: list[str], domain: int, environment: dict[str, str]) -> None:
        self.domain = domain
        own = {"ROS_DOMAIN_ID": str(domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
        super().__init__(arguments, {**environment, **own})

    def count(self, pattern: str) -> int:
        """How many lines match."""
        return sum(bool(re.search(pattern, line)) for line in list(self.lines))

    def wait_for_line(self, pattern: str, timeout_s: float = PATIENCE_S) -> str:
        """The first line that matches, once it is there."""
        line = self.line(pattern, timeout_s)
        assert line is not None, f"nothing matches {pattern!r} in:\n{self.text}"
        return line

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """The exit code of the launch, once it has ended."""
        code = self.wait_for_exit(timeout_s)
        assert code is not None, f"still running after {timeout_s:g} s:\n{self.text}"
        return code

    def wait_for_file(self, pattern: str, folder: Path, size: int, timeout_s: float) -> Path:
        """The first file below a folder that matches a glob and has so many bytes."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            for file in folder.glob(pattern):
                with contextlib.suppress(OSError):  # renamed meanwhile
                    if file.stat().st_size >= size:
                        return file
            time.sleep(0.05)
        raise AssertionError(f"no {pattern} of {size} bytes in {folder}:\n{self.text}")

    def kill(self, executable: str, node: str = "") -> int:
        """Kills the process of one executable, or of one of its nodes, which has to be there."""
        killed = super().kill(executable, node)
        assert killed == 1, f"{killed} processes of {executable} {node} in:\n{self.text}"
        return killed

    def stop(self, number: signal.Signals) -> None:
        """Ends it with a signal, and waits until no process is left or patience is over."""
        self.send(number)
        self.wait()
        self.has_ended(PATIENCE_S)


class Probe:
    """A node of the test in a launched system's domain: calls its services, watches the gate."""

    def __init__(self, domain: int, namespace: str = "") -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self._node = Node(
            "probe",
            context=self._context,
            namespace=namespace or None,
            parameter_overrides=[Parameter("use_sim_time", value=False)],
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self.gate: GateState | None = None
        self._node.create_subscription(
            GateState, "gate/state", partial(setattr, self, "gate"), qos.LATCHED
        )

    def until(
        self,
        get: Callable[[], T | None],
        what: str | Callable[[], str],
        timeout_s: float = PATIENCE_S,
    ) -> T:
        """What `get` returns, once it is neither None nor False.

        Args:
            get: What is asked again and again.
            what: What is waited for; called when it did not come, to say what was there instead.
            timeout_s: The longest that is waited.
        """
        end = time.monotonic() + timeout_s
        while True:
            value = get()
            if value:
                return value
            if time.monotonic() > end:
                told = what if isinstance(what, str) else what()
                raise AssertionError(f"waited {timeout_s:g} s for {told}")
            self._executor.spin_once(timeout_sec=0.05)

    def listen(self, kind: type, topic: str, profile: QoSProfile) -> list[Any]:
        """A list to which the messages of a topic will be added, while `until` waits."""
        heard: list[Any] = []
        self._node.create_subscription(kind, topic, heard.append, profile)
        return heard

    def until_gate_is(self, mode: int) -> GateState:
        """The gate's state, once it is in this mode."""
        names = {GateState.HOLD: "hold", GateState.EXECUTING: "execute"}

        def state() -> GateState | None:
            return self.gate if self.gate is not None and self.gate.mode == mode else None

        return self.until(state, f"the gate to {names[mode]}")

    def client(self, kind: Any, name: str) -> Any:
        """A client of a service, whose answers arrive while `until` waits."""
        return self._node.create_client(kind, name)

    def call(self, kind: Any, name: str, /, **fields: object) -> Any:
        """Calls a service that may safely be asked twice, and returns its answer."""
        client = self._node.create_client(kind, name)
        self.until(client.service_is_ready, f"the service {name}")
        asked: list[Future] = []
        again_s = 0.0

        def answered() -> Future | None:
            # A server drops an answer when it has not discovered the client in time.
            nonlocal again_s
            if time.monotonic() > again_s:
                asked.append(client.call_async(kind.Request(**fields)))
                again_s = time.monotonic() + _ASK_AGAIN_S
            return next((future for future in asked if future.done()), None)

        answer = self.until(answered, f"an answer of {name}").result()
        self._node.destroy_client(client)
        return answer

    def inject(self, kind: str, target: str = "", part: str = "sim") -> None:
        """Makes the twin, or another part, fail, or with "none" be well again."""
        answer = self.call(InjectFault, f"{part}/inject_fault", kind=kind, target=target)
        assert answer.success, answer.message

    def close(self) -> None:
        """Leaves the domain."""
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)


class Terminal:
    """A command with single keys (`ros2 run PACKAGE COMMAND`) in a terminal of its own.

    Attributes:
        text: What it has shown since what was last waited for.
    """

    def __init__(self, domain: int, package: str, command: str) -> None:
        self._own, theirs = pty.openpty()
        ros2 = shutil.which("ros2")
        assert ros2 is not None
        self._process = subprocess.Popen(
            [ros2, "run", package, command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "ROS_DOMAIN_ID": str(domain), "NO_COLOR": "1"},
        )
        os.close(theirs)
        os.set_blocking(self._own, False)
        self.text = ""

    def press(self, keys: str) -> None:
        """Types."""
        os.write(self._own, keys.encode())

    def read(self) -> str:
        """What it has shown."""
        with contextlib.suppress(OSError):
            self.text += os.read(self._own, 65536).decode(errors="replace")
        return self.text

    def shows(self, words: str | re.Pattern[str]) -> Callable[[], bool]:
        """Whether it shows these words now; what comes before them is forgotten then."""
        wanted = re.compile(re.escape(words)) if isinstance(words, str) else words

        def shown() -> bool:
            assert self._process.poll() is None, f"the command ended: {self.text}"
            found = wanted.search(self.read())
            if found:
                self.text = self.text[found.end() :]
            return found is not None

        return shown

    def close(self) -> int:
        """Leaves it; its exit code."""
        self.press("q")
        try:
            return self._process.wait(10.0)
        finally:
            self._process.kill()
            os.close(self._own)


@contextlib.contextmanager
def launched(
    *arguments: str, environment: dict[str, str] | None = None, file: str = "policy.launch.py"
) -> Iterator[LaunchedSystem]:
    """`ros2 launch vega_bringup policy.launch.py` with these arguments; nothing of it survives."""
    command = ["vega_bringup", file, *arguments]
    # Emulated hardware does not wait for a busy machine: an arm that is silent is disabled.
    with (
        turn(alone="robot:=emulated" in arguments),
        leased_domain() as domain,
        LaunchedSystem(command, domain, environment or {}) as system,
    ):
        yield system


@contextlib.contextmanager
def probing(system: LaunchedSystem, namespace: str = "") -> Iterator[Probe]:
    """A probe in the system's domain."""
    probe = Probe(system.domain, namespace)
    try:
        yield probe
    finally:
        probe.close()

"""Starts the real system, watches what it says and does, and makes sure that nothing is left."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shutil
import signal
import subprocess
import threading
import time
import uuid
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

T = TypeVar("T")
PATIENCE_S = 90.0
_ASK_AGAIN_S = 20.0
_MARK = "VEGA_TEST_RUN"


class Launched:
    """A running `ros2 launch`: its lines, its processes, its end.

    Args:
        arguments: after `ros2 launch`.
        domain: ROS domain of everything in it.
        environment: variables on top of those of the tests.
    """

    def __init__(self, arguments: list[str], domain: int, environment: dict[str, str]) -> None:
        self.domain = domain
        self.lines: list[str] = []
        self._mark = uuid.uuid4().hex
        self._more = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            ["ros2", "launch", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            env={
                **os.environ,
                **environment,
                "ROS_DOMAIN_ID": str(domain),
                "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
                _MARK: self._mark,
            },
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._more:
                self.lines.append(line.rstrip("\n"))
                self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    @property
    def text(self) -> str:
        """Everything that was said so far."""
        return "\n".join(self.lines)

    def count(self, pattern: str) -> int:
        """How many lines match."""
        return sum(bool(re.search(pattern, line)) for line in list(self.lines))

    def wait_for_line(self, pattern: str, timeout_s: float = PATIENCE_S) -> str:
        """The first line that matches, once it is there."""

        def found() -> str | None:
            return next((line for line in self.lines if re.search(pattern, line)), None)

        with self._more:
            self._more.wait_for(lambda: found() or self._ended, timeout_s)
            line = found()
        assert line is not None, f"nothing matches {pattern!r} in:\n{self.text}"
        return line

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """The exit code, once everything that was started has ended."""
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout_s:g} s:\n{self.text}") from None
        with self._more:
            self._more.wait_for(lambda: self._ended, 5.0)
        return code

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the launch itself, as a terminal or a service manager would."""
        self._process.send_signal(number)

    def processes(self) -> dict[int, str]:
        """Every process of this launch that lives, whatever group or session it is in."""
        mark = f"{_MARK}={self._mark}".encode()
        alive = {}
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if folder.name.isdigit() and mark in (folder / "environ").read_bytes():
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                    alive[int(folder.name)] = command.decode(errors="replace")
        return alive

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

    def kill(self, executable: str, node: str = "") -> None:
        """Kills the process of one executable, or of one of its nodes, without any warning."""
        (pid,) = [
            pid
            for pid, command in self.processes().items()
            if f"/{executable} " in command and f"__node:={node}" in command
        ]
        os.kill(pid, signal.SIGKILL)

    def stop(self, number: signal.Signals) -> float:
        """Ends it with a signal; the seconds until no process was left."""
        began = time.monotonic()
        self.send(number)
        self.wait()
        while self.processes() and time.monotonic() - began < PATIENCE_S:
            time.sleep(0.02)
        return time.monotonic() - began

    def clean_up(self) -> None:
        """Leaves nothing behind, whatever happened."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(PATIENCE_S)


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
) -> Iterator[Launched]:
    """`ros2 launch vega_bringup policy.launch.py` with these arguments; nothing of it survives."""
    command = ["vega_bringup", file, *arguments]
    # Emulated hardware does not wait for a busy machine: an arm that is silent is disabled.
    with turn(alone="robot:=emulated" in arguments), leased_domain() as domain:
        system = Launched(command, domain, environment or {})
        try:
            yield system
        finally:
            system.clean_up()


@contextlib.contextmanager
def probing(system: Launched, namespace: str = "") -> Iterator[Probe]:
    """A probe in the system's domain."""
    probe = Probe(system.domain, namespace)
    try:
        yield probe
    finally:
        probe.close()

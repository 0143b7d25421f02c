"""The manager as a process, over small lifecycle nodes in this one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger
from vega_control.report import Mode
from vega_control.stop_latch import StopLatch
from vega_runtime.lifecycle import LifecycleNode, TransitionError

WAIT_S = 30.0


class Part(LifecycleNode):
    """Notes its transitions; refuses one on request."""

    def __init__(self, name, calls):
        super().__init__(name)
        self._calls = calls
        self.refuses = ""

    def _note(self, transition):
        if transition == self.refuses:
            raise TransitionError("it does not want to")
        self._calls.append((self.get_name(), transition))

    def configure(self):
        self._note("configure")

    def activate(self):
        self._note("activate")

    def deactivate(self):
        self._note("deactivate")


class Cell:
    """Two nodes on a spinning thread, and the manager that is started over them."""

    def __init__(self):
        self.calls = []
        self.first, self.second = Part("first", self.calls), Part("second", self.calls)
        self.node = rclpy.create_node("cell")
        self.executor = SingleThreadedExecutor()
        for node in (self.first, self.second, self.node):
            self.executor.add_node(node)
        threading.Thread(target=self.executor.spin, daemon=True).start()
        self.manager = None

    def start(self):
        self.manager = subprocess.Popen(
            [
                *(sys.executable, "-c"),
                "from vega_bringup.manager_node import main; main()",
                *("--ros-args", "-p", "nodes:=[first]", "-p", "work:=[second]"),
            ],
            env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
            stderr=subprocess.STDOUT,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read_until(self, text):
        lines = []
        for line in self.manager.stdout:
            lines.append(line)
            if text in line:
                return
        raise AssertionError(f"the manager never said {text!r} but:\n{''.join(lines)}")

    def shut_down(self):
        """Asks until the manager ends; its exit code."""
        client = self.node.create_client(Trigger, "manager/shutdown")
        end_s = time.monotonic() + WAIT_S
        while self.manager.poll() is None:
            assert time.monotonic() < end_s, "the manager did not end"
            if client.wait_for_service(0.2):
                client.call_async(Trigger.Request())
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.manager.wait(1.0)
        return self.manager.returncode

    def close(self):
        if self.manager is not None:
            self.manager.kill()
            self.manager.wait()
            self.manager.stdout.close()
        self.executor.shutdown()
        for node in (self.first, self.second, self.node):
            node.destroy_node()


@pytest.fixture
def cell():
    rclpy.init(args=[])
    cell = Cell()
    yield cell
    cell.close()
    rclpy.shutdown()


@pytest.fixture
def latch():
    """The gate's, in this process."""
    latch = StopLatch()
    yield latch
    latch.update(False, Mode.INACTIVE, 1e9)


UP = [(n, t) for t in ("configure", "activate") for n in ("first", "second")]
DOWN = [("second", "deactivate"), ("first", "deactivate")]


def test_the_shutdown_service_takes_the_stack_down_in_order(cell):
    cell.start()
    cell.read_until("all up")
    assert sorted(cell.calls[:2]) == UP[:2]
    assert cell.calls[2:] == UP[2:]
    assert cell.shut_down() == 0
    assert cell.calls[4:] == DOWN


def test_the_shutdown_service_waits_for_people_to_leave_an_emergency_stop(cell, latch):
    cell.start()
    cell.read_until("all up")
    latch.update(True, Mode.ESTOP, 0.0)
    client = cell.node.create_client(Trigger, "manager/shutdown")
    assert client.wait_for_service(WAIT_S)
    answer = client.call_async(Trigger.Request())
    end_s = time.monotonic() + WAIT_S
    while not answer.done() and time.monotonic() < end_s:
        time.sleep(0.01)
    assert answer.result().message == "taking the stack down, once the emergency stop is left"
    assert cell.manager.poll() is None
    assert len(cell.calls) == len(UP)
    latch.update(False, Mode.EXECUTING, 1.0)
    assert cell.manager.wait(WAIT_S) == 0
    assert cell.calls[4:] == DOWN


def test_a_signal_ends_it_also_with_a_stop_latched(cell, latch):
    cell.start()
    cell.read_until("all up")
    latch.update(True, Mode.ESTOP, 0.0)
    cell.manager.send_signal(signal.SIGINT)
    assert cell.manager.wait(WAIT_S) == 0


def test_a_signal_does_so_too(cell):
    cell.start()
    cell.read_until("all up")
    cell.manager.send_signal(signal.SIGINT)
    assert cell.manager.wait(WAIT_S) == 0
    assert cell.calls[4:] == DOWN


def test_a_node_that_refuses_ends_it_with_an_error(cell):
    cell.second.refuses = "activate"
    cell.start()
    cell.read_until("node second refused to activate")
    assert cell.manager.wait(WAIT_S) == 1
    assert cell.calls[-1] == ("first", "deactivate")


def test_a_transition_that_the_state_lacks_is_refused_and_the_node_lives_on(cell):
    client = cell.node.create_client(ChangeState, "first/change_state")
    assert client.wait_for_service(WAIT_S)

    def ask(transition, patience_s):
        answer = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
        end_s = time.monotonic() + patience_s
        while not answer.done() and time.monotonic() < end_s:
            time.sleep(0.01)
        return answer.result()

    # A first answer can get lost while the two ends find each other. What is refused changes
    # nothing, so it may be asked for again.
    refused, end_s = None, time.monotonic() + WAIT_S
    while refused is None and time.monotonic() < end_s:
        refused = ask(Transition.TRANSITION_ACTIVATE, 1.0)
    assert refused.success is False
    assert ask(Transition.TRANSITION_CONFIGURE, WAIT_S).success is True

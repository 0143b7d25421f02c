"""The gate as a process: what is left when it is killed; and the key that stops it."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time

import pytest
import rclpy
from vega_msgs.msg import GateState

from benches.control.gate_under_test import GateUnderTest

KEY = "from vega_control.estop_command import main; main()"
VALID_S = 0.1


@pytest.fixture
def cell(patient):
    rclpy.init(args=[])
    try:
        with GateUnderTest() as cell:
            yield cell
    finally:
        rclpy.try_shutdown()


def lead(cell, speed):
    """Lets chunks lead: a busy computer may be late for the first one."""
    due_s = 0.0

    def executes():
        nonlocal due_s
        if time.monotonic() > due_s:
            cell.send_chunk(25, speed)
            due_s = time.monotonic() + 1.0
        return cell.mode_is(GateState.EXECUTING)

    cell.until("the gate executes", executes)


def test_a_killed_gate_leaves_no_command_that_is_valid_for_longer_than_a_tenth_second(cell):
    lead(cell, 0.5)
    os.kill(cell.pid, signal.SIGKILL)
    cell.until("the gate is gone", lambda: cell.gone)
    killed_s = time.time()
    last = cell.commands[-1]
    assert last.issued_s <= killed_s
    # Arms do not execute a command after its deadline: from then on they hold.
    assert last.deadline_s - last.issued_s <= VALID_S + 1e-6


@contextlib.contextmanager
def key_in_a_terminal():
    """The key's process, and our end of its terminal."""
    ours, theirs = pty.openpty()
    key = subprocess.Popen([sys.executable, "-c", KEY], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)  # so that reading ends when the key has ended
    try:
        yield key, ours
    finally:
        key.kill()
        os.close(ours)


def test_a_key_looks_for_the_gate_until_it_is_found(patient):
    rclpy.init(args=[])
    seen = b""
    try:
        with key_in_a_terminal() as (_, ours):
            while b"looking for the gate" not in seen:
                seen += os.read(ours, 1000)
            assert b"ready" not in seen
            with GateUnderTest():
                while b"ready: the gate is found" not in seen:
                    seen += os.read(ours, 1000)
    finally:
        rclpy.try_shutdown()


def test_a_key_in_a_terminal_stops_the_arms(cell):
    lead(cell, 0.2)
    seen = b""
    with key_in_a_terminal() as (key, ours):
        while b"no emergency stop" not in seen or b"ready" not in seen:
            seen += os.read(ours, 1000)
        os.write(ours, b" ")
        cell.until("the gate has stopped", lambda: cell.mode_is(GateState.ESTOP))
        while b"estop_reset" not in seen:
            seen += os.read(ours, 1000)
        os.write(ours, b"q")
        assert key.wait(30.0) == 0
    assert b"emergency stop (hold) by the key: the arms hold where they are" in seen

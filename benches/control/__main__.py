"""Measures the command gate: its rate, its latencies, and what it makes of impossible policies.

    python -m benches.control --json gate.json --check

The gate node runs in a process of its own, in real time; this process is arms and policy. First
alone: periods between commands; a chunk to the first command that it moves; the emergency stop to
the last command that moves; the last joint state to the hold. Then the periods again while a whole
stack (twin, policy, gate) is busy beside it. Last, without ROS, 10,000 chunks of random policies
(noise, steps, NaN, the replay of another task, among them leaders that shake) of which no command
may exceed a limit or leave the workspace; a fifth of them once more without the check of whole
chunks. With --check the command fails when a figure misses its target.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise as pairs
from typing import Any

import numpy as np
import rclpy
from vega_msgs.msg import GateState

import hw_config
from benches import harness
from benches.control.gate_under_test import GateUnderTest
from benches.control.load import Load
from benches.control.random_policies import tape_of, torture
from benches.harness import BenchError, Wanted

_REPETITIONS = 40
_SETTLE_S = 0.3
_REST = 1e-9


WANTED = (
    Wanted("rate_error", "below", 1.0, "%"),
    Wanted("period_p99_idle", "below", 2.0, "ms"),
    Wanted("period_p99_loaded", "below", 5.0, "ms"),
    Wanted("command_p95", "below", 6.0, "ms"),
    Wanted("estop_worst", "below", 20.0, "ms"),
    Wanted("silence_worst", "below", 100.0, "ms"),
    Wanted("limits_exceeded", "below", 1, "commands"),
    Wanted("outside_workspace", "below", 1, "commands"),
)


def periods(cell: GateUnderTest, seconds: float) -> tuple[float, float]:
    """Measured rate (Hz) and 99th percentile of the error of a period (ms)."""
    begin = len(cell.commands)
    time.sleep(seconds)
    seen = cell.commands[begin:]
    wanted_s = 1.0 / hw_config.load().rates.gate_hz
    # The bench itself may miss a command; the gate numbers them.
    gaps_s = [b.issued_s - a.issued_s for a, b in pairs(seen) if b.sequence == a.sequence + 1]
    rate = (seen[-1].sequence - seen[0].sequence) / (seen[-1].issued_s - seen[0].issued_s)
    errors_s = np.abs(np.array(gaps_s) - wanted_s)
    return rate, float(np.percentile(errors_s, 99) * 1e3)


def command_latencies(cell: GateUnderTest) -> list[float]:
    """From a chunk that is sent while the arms rest to the first command that moves, ms."""
    latencies = []
    for i in range(_REPETITIONS):
        cell.until("the arms rest", cell.at_rest)
        # Every phase between chunk and command comes about.
        time.sleep(0.0013 * (i % 7))
        rest = cell.positions[:7]
        begin = len(cell.commands)
        sent_s = cell.send_chunk(6, 0.2 if i % 2 else -0.2)
        moving = _Moving(cell, begin, rest)
        cell.until("a command that moves", moving)
        latencies.append((moving.issued_s - sent_s) * 1e3)
    return latencies


class _Moving:
    """Waits for the first command away from where the arms rest."""

    def __init__(self, cell: GateUnderTest, begin: int, rest: np.ndarray) -> None:
        self._cell, self._begin, self._rest = cell, begin, rest
        self.issued_s = 0.0

    def __call__(self) -> bool:
        for command in self._cell.commands[self._begin :]:
            if np.abs(command.positions - self._rest).max() > _REST:
                self.issued_s = command.issued_s
                return True
        return False


def estop_latencies(cell: GateUnderTest) -> list[float]:
    """From the call of the emergency stop, at speed, to the last command that moves, ms."""
    latencies = []
    for i in range(_REPETITIONS // 2):
        _get_moving(cell, i)
        called_s = cell.press_estop()
        time.sleep(_SETTLE_S)
        latencies.append((_last_motion_s(cell) - called_s) * 1e3)
        cell.trigger("estop_reset")
        cell.until("the gate holds", lambda: cell.mode_is(GateState.HOLD))
        cell.until("the arms rest", cell.at_rest)
        cell.trigger("follow_policy")
    return latencies


def _last_motion_s(cell: GateUnderTest) -> float:
    for before, after in reversed([*pairs(cell.commands[-200:])]):
        if np.abs(after.positions - before.positions).max() > _REST:
            return after.issued_s
    raise BenchError("nothing moved before the emergency stop")


def silence_latencies(cell: GateUnderTest) -> list[float]:
    """From the last joint state, at speed, to the hold, ms."""
    latencies = []
    for i in range(_REPETITIONS // 2):
        _get_moving(cell, i)
        cell.silent.set()
        cell.until("the gate holds", lambda: cell.mode_is(GateState.HOLD))
        held_s = _first_hold_s(cell)
        latencies.append((held_s - cell.last_state_s) * 1e3)
        cell.silent.clear()
        cell.until("the arms rest", cell.at_rest)
    return latencies


def _first_hold_s(cell: GateUnderTest) -> float:
    held_s = cell.modes[-1][0]
    for stamp_s, mode in reversed(cell.modes):
        if mode != GateState.HOLD:
            break
        held_s = stamp_s
    return held_s


def _get_moving(cell: GateUnderTest, number: int) -> None:
    cell.until("the arms rest", cell.at_rest)
    cell.send_chunk(25, 0.5 if number % 2 else -0.5)
    cell.until("the gate executes", lambda: cell.mode_is(GateState.EXECUTING))
    time.sleep(_SETTLE_S + 0.0013 * (number % 7))


def measure_node(seconds: float) -> dict[str, Any]:
    """Everything that the gate node is measured by."""
    rclpy.init(args=[])
    try:
        with GateUnderTest() as cell:
            rate, idle_ms = periods(cell, seconds)
            command = command_latencies(cell)
            estop = estop_latencies(cell)
            silence = silence_latencies(cell)
            with tempfile.TemporaryDirectory() as folder, Load(f"{folder}/run") as load:
                loaded_rate, loaded_ms = periods(cell, seconds)
                if not load.running:
                    raise BenchError("the load ended before the measurement did")
    finally:
        rclpy.try_shutdown()
    return {
        "rate": rate,
        "rate_loaded": loaded_rate,
        "rate_error": abs(rate / hw_config.load().rates.gate_hz - 1.0) * 100.0,
        "period_p99_idle": idle_ms,
        "period_p99_loaded": loaded_ms,
        "command_p50": float(np.percentile(command, 50)),
        "command_p95": float(np.percentile(command, 95)),
        "estop_worst": max(estop),
        "silence_worst": max(silence),
    }


def measure_policies(chunks: int) -> dict[str, Any]:
    """What the gate makes of random policies."""
    tape = tape_of("flowers_to_vase")
    checked = torture(chunks, 1, tape)
    unchecked = torture(chunks // 5, 2, tape, checked=False)
    both = (checked, unchecked)
    return {
        "limits_exceeded": sum(sum(v.exceeded.values()) for v in both),
        "outside_workspace": sum(v.breaches for v in both),
        "policies": asdict(checked),
        "policies_unchecked": asdict(unchecked),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code of `harness.run`."""
    parser = harness.parser("control", __doc__, "fail when a target is missed")
    parser.add_argument("--seconds", type=float, default=10.0, help="of counting periods")
    parser.add_argument("--chunks", type=int, default=10_000, help="of random policies")
    arguments = parser.parse_args(argv)

    def measure() -> dict[str, Any]:
        return {**measure_node(arguments.seconds), **measure_policies(arguments.chunks)}

    return harness.run(arguments, measure, lambda figures: harness.judge(figures, WANTED))


if __name__ == "__main__":
    sys.exit(main())

"""Measures the arm driver over emulated arms: rates, latency and CPU, both buses at once.

    python -m benches.arms --json arms.json --check

Every bus has an emulator and a driver node, each a process of its own, as on the robot; this
process is the gate. First a leader moves the follower on both buses and the joint states are
counted. Then the leaders are gone, both arms are commanded at about 200 Hz, and every quarter of a
second a small step is timed from the published command to the first joint state that shows the
motion. Faults of arm and bus are begun, and timed until the driver commands no more. Last a million
random frames go through the decoder. With --check the command fails when a joint state is off
200 Hz by more than 2 %, the 95th percentile of the latency reaches 10 ms, a driver needs 35 % of a
core or more, a fault is noticed after 300 ms or later, or a random frame raises an error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import partial
from typing import Any

import numpy as np
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import JointState
from vega_msgs.msg import ArmCommand, ArmStatus
from vega_runtime import qos
from vega_runtime.node import light_executor
from vega_runtime.stamps import to_time

import hw_config
from benches import harness
from benches.arms import fault_detection, fuzz
from benches.arms.processes import Processes
from benches.harness import BenchError, machine_cpu_s, process_cpu_s

ARMS = ("left", "right")
_RATE_HZ, _RATE_TOLERANCE = 200.0, 0.02
_LATENCY_MS, _DRIVER_CPU = 10.0, 35.0
_DETECTION_MS = 300.0
# A little off the arm's own 200 Hz: every phase between command and feedback comes about.
_COMMAND_HZ = 198.5
_STEP, _STEP_EVERY = 0.01, 50
_SEEN = 2e-5
_SETTLE_S = 1.5
_WAIT_S = 60.0


class Side:
    """One arm as the gate sees it."""

    def __init__(self, node: Node, arm: str, names: list[str]) -> None:
        self.arm = arm
        self.times_s: dict[str, list[float]] = {"follower": [], "leader": []}
        self.latencies_ms: list[float] = []
        self.q: list[float] = []
        self.enabled = False
        self.text = ""
        self._base: float | None = None
        self._asked_s: float | None = None
        self._count = 0
        self._command = ArmCommand(names=names)
        self._publisher = node.create_publisher(ArmCommand, f"{arm}/follower/command", qos.COMMAND)
        for role in self.times_s:
            node.create_subscription(
                JointState,
                f"{arm}/{role}/joint_states",
                partial(self._on_state, role),
                qos.SENSOR,
            )
        node.create_subscription(ArmStatus, f"{arm}/follower/status", self._on_status, qos.LATCHED)

    def _on_status(self, message: ArmStatus) -> None:
        self.enabled, self.text = message.enabled, message.text

    def _on_state(self, role: str, message: JointState) -> None:
        now_s = time.monotonic()
        self.times_s[role].append(now_s)
        if role == "leader":
            return
        before, self.q = self.q, list(message.position)
        if self._asked_s is not None and before and abs(self.q[0] - before[0]) > _SEEN:
            self.latencies_ms.append(1e3 * (now_s - self._asked_s))
            self._asked_s = None

    def send(self, clock_ns: int) -> None:
        """One command; every fiftieth asks joint 1 for a small step."""
        if not self.q:
            return
        if self._base is None:
            self._base = self.q[0]
            self._rest = self.q[1:]
        self._count += 1
        high = self._count // _STEP_EVERY % 2
        message = self._command
        message.header.stamp, message.deadline = to_time(clock_ns), to_time(clock_ns + 10**8)
        message.sequence = self._count
        message.positions = [self._base + high * _STEP, *self._rest]
        if self._count % _STEP_EVERY == 0:
            self._asked_s = time.monotonic()
        self._publisher.publish(message)

    def rate_hz(self, role: str) -> float:
        """Joint states a second."""
        times = self.times_s[role]
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0

    def forget(self) -> None:
        """Begins to count anew."""
        for times in self.times_s.values():
            times.clear()


class Bench:
    """The gate's part: both sides, and the executor that serves them."""

    def __init__(self) -> None:
        hardware = hw_config.load()
        self.node = rclpy.create_node("arms_bench")
        self.sides = {
            name: Side(self.node, name, list(config.joint_names))
            for name, config in hardware.arms.items()
        }
        self.executor = light_executor()
        self.executor.add_node(self.node)

    def spin(self, seconds: float) -> None:
        """Serves callbacks for a while."""
        end_s = time.monotonic() + seconds
        while (left := end_s - time.monotonic()) > 0.0:
            self.executor.spin_once(timeout_sec=left)

    def until(self, what: str, condition: Any) -> None:
        """Serves callbacks until something has happened."""
        end_s = time.monotonic() + _WAIT_S
        while not condition():
            if time.monotonic() > end_s:
                raise BenchError(f"within {_WAIT_S:g} s not seen: {what}")
            self.executor.spin_once(timeout_sec=0.05)

    def watch(self, seconds: float, roles: tuple[str, ...], processes: Processes) -> dict[str, Any]:
        """Counts for some seconds: rates, and the CPU of drivers and emulators."""
        self.spin(_SETTLE_S)
        for side in self.sides.values():
            side.forget()
        pids = {**processes.pids, "bench": os.getpid()}
        before, machine_before_s = (
            {name: process_cpu_s(pid) for name, pid in pids.items()},
            machine_cpu_s(),
        )
        start_s = time.monotonic()
        self.spin(seconds)
        spent_s = time.monotonic() - start_s
        figures: dict[str, Any] = {
            f"{arm}_{role}_hz": side.rate_hz(role)
            for arm, side in self.sides.items()
            for role in roles
        }
        used = {
            name: 100.0 * (process_cpu_s(pid) - before[name]) / spent_s
            for name, pid in pids.items()
        }
        figures.update({f"{name}_cpu_percent": value for name, value in used.items()})
        # Programs that have nothing to do with it spoil a latency: so that a reader can tell.
        whole = 100.0 * (machine_cpu_s() - machine_before_s) / spent_s
        figures["others_cpu_percent"] = whole - sum(used.values())
        return figures

    def command(self) -> None:
        """Sends commands at about 200 Hz from now on."""

        def send() -> None:
            for side in self.sides.values():
                side.send(time.time_ns())

        self.node.create_timer(1.0 / _COMMAND_HZ, send)


def measure(seconds: float, fuzz_frames: int) -> dict[str, Any]:
    """All figures.

    Raises:
        BenchError: The drivers did not do what a measurement needs.
    """
    figures: dict[str, Any] = {"cores": os.cpu_count(), "load_before": os.getloadavg()[0]}
    bench = Bench()
    with Processes(bench.node, bench.until) as processes:
        processes.emulate("both")
        processes.drive(ARMS)
        sides = bench.sides.values()
        bench.until("leaders and followers", lambda: all(s.times_s["leader"] for s in sides))
        figures["linked"] = bench.watch(seconds, ("follower", "leader"), processes)
        processes.end()
    with Processes(bench.node, bench.until) as processes:
        processes.emulate("follower")
        processes.drive(ARMS)
        bench.until("enabled arms", lambda: all(s.enabled for s in sides))
        bench.command()
        figures["commanded"] = bench.watch(seconds, ("follower",), processes)
        for arm, side in bench.sides.items():
            figures["commanded"][f"{arm}_latency_ms"] = _percentiles(side.latencies_ms)
    figures["detection_ms"] = fault_detection.detection_ms()
    figures["fuzz"] = fuzz.run(fuzz_frames)
    return figures


def failures(figures: dict[str, Any]) -> list[str]:
    """Which figures miss their bounds."""
    found: list[str] = []
    for phase in ("linked", "commanded"):
        for name, value in figures[phase].items():
            if name.endswith("_hz") and "follower" in name:
                if abs(value - _RATE_HZ) > _RATE_TOLERANCE * _RATE_HZ:
                    found.append(f"{phase}: {name} is {value:.1f}, expected {_RATE_HZ:g} +-2 %")
            elif name.endswith("driver_cpu_percent") and value >= _DRIVER_CPU:
                found.append(f"{phase}: {name} is {value:.1f}, bound {_DRIVER_CPU:g}")
            elif name.endswith("_latency_ms") and not value["p95"] < _LATENCY_MS:
                found.append(f"{phase}: {name} p95 is {value['p95']:.1f}, bound {_LATENCY_MS:g}")
    for fault, value in figures["detection_ms"].items():
        if value >= _DETECTION_MS:
            found.append(f"{fault} was noticed after {value:.0f} ms, bound {_DETECTION_MS:g}")
    if figures["fuzz"]["raised"]:
        found.append(f"fuzz: {figures['fuzz']['raised']} frames raised an error")
    return found


def _percentiles(values: list[float]) -> dict[str, float]:
    if not values:
        return {"count": 0, "median": float("nan"), "p95": float("nan"), "max": float("nan")}
    return {
        "count": len(values),
        "median": float(np.median(values)),
        "p95": float(np.percentile(values, 95)),
        "max": max(values),
    }


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code of `harness.run`."""
    parser = harness.parser("arms", __doc__, "fail when a bound is missed")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each of the two phases")
    parser.add_argument("--fuzz-frames", type=int, default=1_000_000)
    options = parser.parse_args(arguments)
    rclpy.init()
    try:
        return harness.run(options, lambda: measure(options.seconds, options.fuzz_frames), _show)
    finally:
        rclpy.try_shutdown()


def _show(figures: dict[str, Any]) -> list[str]:
    print(json.dumps(figures, indent=1))
    return failures(figures)


if __name__ == "__main__":
    sys.exit(main())

"""Measures the camera driver over software cameras: rate, loss, age at a subscriber, CPU.

    python -m benches.cameras --json cameras.json --check

The node runs in a process of its own, as on the robot; this process subscribes. A frame's age is
from its capture to the subscriber's callback, on the system's clock. With --check the command fails
when a camera is off its rate by more than 1 %, a frame is lost, or the 95th percentile of the ages
reaches 15 ms.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import Executor
from rclpy.node import Node
from sensor_msgs.msg import Image
from vega_cameras.emulation.pattern import number_in
from vega_runtime.node import light_executor
from vega_runtime.qos import SENSOR

import hw_config
from benches import harness
from benches.harness import BenchError, process_cpu_s
from hw_config import CameraConfig
from vega_core.cdr_image import read_image

_WAIT_S = 60.0
_RATE_TOLERANCE = 0.01
_AGE_MS = 15.0


class Listener:
    """Notes when which frame of a camera came, and how old it was."""

    def __init__(self, node: Node, camera: CameraConfig) -> None:
        self.rows: list[tuple[int, int, int]] = []  # received ns, stamp ns, number
        node.create_subscription(
            Image, f"{camera.namespace}/image_raw", self._on_frame, SENSOR, raw=True
        )

    def _on_frame(self, cdr: bytes) -> None:
        now_ns = time.time_ns()
        header, pixels = read_image(cdr)
        self.rows.append((now_ns, header.stamp_ns, number_in(pixels)))

    def figures(self) -> dict[str, float]:
        """Rate by capture stamps, frames lost between the first and the last, ages in ms."""
        received, stamps, numbers = np.array(self.rows, np.int64).T
        ages_ms = (received - stamps) * 1e-6
        steps = np.diff(numbers) % (1 << 16)
        return {
            "frames": len(numbers),
            "rate_hz": float((len(numbers) - 1) / ((stamps[-1] - stamps[0]) * 1e-9)),
            "lost": int((steps - 1).sum()),
            "age_ms_median": float(np.median(ages_ms)),
            "age_ms_p95": float(np.percentile(ages_ms, 95)),
            "age_ms_max": float(ages_ms.max()),
        }


def measure(duration_s: float) -> dict[str, Any]:
    """Runs the driver over software cameras for so long.

    Raises:
        BenchError: The driver did not start, or a camera sent nothing.
    """
    cameras = hw_config.load().cameras
    namespace = f"/bench_{os.getpid()}"
    settings = ["-r", f"__ns:={namespace}", "-p", "devices:=pattern", "--log-level", "warn"]
    rclpy.init(args=[])
    node = rclpy.create_node("cameras_bench", namespace=namespace)
    executor = light_executor()
    executor.add_node(node)
    driver = subprocess.Popen(
        [sys.executable, "-m", "vega_cameras.cameras_node", "--ros-args", *settings]
    )
    try:
        for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            _change(executor, node, transition, driver)
        listeners = {name: Listener(node, camera) for name, camera in cameras.items()}
        _until(executor, lambda: all(len(one.rows) > 30 for one in listeners.values()), driver)
        for listener in listeners.values():
            listener.rows.clear()
        before_s = (process_cpu_s(driver.pid), process_cpu_s(os.getpid()), time.monotonic())
        while time.monotonic() - before_s[2] < duration_s:
            executor.spin_once(timeout_sec=0.1)
        spent_s = time.monotonic() - before_s[2]
        figures: dict[str, Any] = {
            "duration_s": spent_s,
            "cpu_share_driver_and_software_cameras": (process_cpu_s(driver.pid) - before_s[0])
            / spent_s,
            "cpu_share_subscriber": (process_cpu_s(os.getpid()) - before_s[1]) / spent_s,
        }
        figures["cameras"] = {name: one.figures() for name, one in listeners.items() if one.rows}
        return figures
    finally:
        _end(driver)
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        rclpy.shutdown()


def problems(figures: dict[str, Any]) -> list[str]:
    """What the figures miss of what is required."""
    found = []
    for name, camera in hw_config.load().cameras.items():
        row = figures["cameras"].get(name)
        if row is None:
            found.append(f"{name}: no frames")
            continue
        if abs(row["rate_hz"] - camera.fps) > _RATE_TOLERANCE * camera.fps:
            found.append(f"{name}: {row['rate_hz']:.2f} Hz, {camera.fps} Hz are required")
        if row["lost"]:
            found.append(f"{name}: {row['lost']} frames lost")
        if row["age_ms_p95"] >= _AGE_MS:
            found.append(
                f"{name}: p95 of the age is {row['age_ms_p95']:.1f} ms, "
                f"below {_AGE_MS:g} ms is required"
            )
    return found


def _change(
    executor: Executor, node: Node, transition: int, driver: subprocess.Popen[bytes]
) -> None:
    client = node.create_client(ChangeState, "cameras/change_state")
    _until(executor, client.service_is_ready, driver)
    request = ChangeState.Request()
    request.transition.id = transition
    answer = client.call_async(request)
    _until(executor, answer.done, driver)
    response = answer.result()
    if response is None or not response.success:
        raise BenchError("the cameras node refused to start; see its message above")
    node.destroy_client(client)


def _end(driver: subprocess.Popen[bytes]) -> None:
    driver.send_signal(signal.SIGINT)
    try:
        driver.wait(20.0)
    except subprocess.TimeoutExpired:
        driver.kill()
        driver.wait()


def _until(executor: Executor, condition: Any, driver: subprocess.Popen[bytes]) -> None:
    end_s = time.monotonic() + _WAIT_S
    while not condition():
        if driver.poll() is not None:
            raise BenchError("the cameras node ended; see its message above")
        if time.monotonic() > end_s:
            raise BenchError(f"the cameras did not start within {_WAIT_S:g} s")
        executor.spin_once(timeout_sec=0.05)


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code of `harness.run`."""
    parser = harness.parser("cameras", __doc__, "fail below the required figures")
    parser.add_argument("--duration", type=float, default=60.0, help="seconds (default 60)")
    args = parser.parse_args(argv)
    return harness.run(args, lambda: measure(args.duration), _show)


def _show(figures: dict[str, Any]) -> list[str]:
    for name, row in figures["cameras"].items():
        print(f"{name}: " + ", ".join(f"{key} {value:.4g}" for key, value in row.items()))
    for name, value in figures.items():
        if name != "cameras":
            print(f"{name}: {value:.3g}")
    return problems(figures)


if __name__ == "__main__":
    sys.exit(main())

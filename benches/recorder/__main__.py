"""Measures the recorder: processor, memory, disk, and whether anything is lost.

    python -m benches.recorder --json recorder.json --check --minutes 3

The node runs in a process of its own and records takes; another process sends what a whole cell
sends, in real time: three cameras, joint states of four arms, commands to two. The images are
rendered by the twin (hard variant: textures and clutter) with a camera's noise on top. With --check
the command fails when a figure misses its target.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from vega_msgs.msg import TeleopState

import hw_config
from benches import harness
from benches.harness import BenchError, Wanted, process_cpu_s
from benches.recorder.processes import RecorderUnderTest, Streams
from hw_config import HardwareConfig
from teleop.dataset.episode import DatasetLayout, EpisodeInfo, command_topic, joint_topic
from teleop.dataset.store import read_infos

_TAKE_S = 20.0
_LEAST_MINUTES = 0.2  # for a slope of the memory
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_POSES = 12
_POSE_S = 0.3


WANTED = (
    Wanted("cpu_percent", "at most", 60.0, "% of a core"),
    Wanted("memory_growth", "at most", 5.0, "MB"),
    Wanted("disk_rate", "at most", 6.0, "MB/s"),
    Wanted("lost", "at most", 0, "messages"),
    Wanted("longest_stop", "at most", 3.0, "s"),
    Wanted("bad_takes", "at most", 0, "takes"),
)


@dataclass
class Usage:
    """Samples of a process, one a second while takes are recorded.

    Attributes:
        times_s: When.
        memory_mb: Resident memory.
        cpu_s: Processor time.
    """

    times_s: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def sample(self, pid: int) -> None:
        """Looks at the process."""
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        self.times_s.append(time.monotonic())
        self.cpu_s.append(process_cpu_s(pid))
        self.memory_mb.append(resident * _PAGE_BYTES / 1e6)

    @property
    def cpu_percent(self) -> float:
        """Of one core, over everything sampled."""
        return 100.0 * (self.cpu_s[-1] - self.cpu_s[0]) / (self.times_s[-1] - self.times_s[0])

    @property
    def growth_mb(self) -> float:
        """Growth of the resident memory over the second half, by its slope: buffers are full."""
        half = len(self.times_s) // 2
        times_s, memory_mb = self.times_s[half:], self.memory_mb[half:]
        slope = statistics.linear_regression(times_s, memory_mb).slope
        return slope * (times_s[-1] - times_s[0])


def twin_images(hardware: HardwareConfig, noise: float) -> dict[str, np.ndarray]:
    """Images of each camera, uint8 [N, H, W, 3], while the twin's operator works."""
    from vega_sim import operators
    from vega_sim.twin import Twin

    twin = Twin("close_laptop", "hard")
    twin.reset(0)
    operator = operators.make("close_laptop")
    operator.reset(twin)
    rng = np.random.default_rng(0)
    shown: dict[str, list[np.ndarray]] = {name: [] for name in hardware.cameras}
    for _ in range(_POSES):
        end_s = twin.time_s + _POSE_S
        while twin.time_s < end_s:
            twin.advance(operator.act(twin))
        for name, images in shown.items():
            image = twin.render(name)
            noisy = image + rng.normal(0.0, noise, image.shape)
            images.append(np.clip(noisy.round(), 0, 255).astype(np.uint8))
    twin.close()
    return {name: np.stack(images) for name, images in shown.items()}


def record(recorder: RecorderUnderTest, streams: Streams, minutes: float) -> dict[str, Any]:
    """Records takes for so long; what the recorder used, and how long each stop took."""
    usage, stops_s = Usage(), []
    ends_s = time.monotonic() + 60.0 * minutes
    recorder.until("the recorder to be ready", lambda: recorder.phase == TeleopState.READY)
    while time.monotonic() < ends_s:
        answer = recorder.ask("start")
        if not answer.success:
            raise BenchError(answer.message)
        take_ends_s = min(time.monotonic() + _TAKE_S, ends_s)
        while time.monotonic() < take_ends_s:
            streams.check()
            usage.sample(recorder.pid)
            time.sleep(1.0)
        asked_s = time.monotonic()
        # A bad take has to be asked for twice.
        if not recorder.ask("save").success and not recorder.ask("save").success:
            raise BenchError(recorder.text)
        recorder.until("the take to be saved", lambda: recorder.phase == TeleopState.READY)
        stops_s.append(time.monotonic() - asked_s)
    return {
        "cpu_percent": usage.cpu_percent,
        "memory_growth": usage.growth_mb,
        "memory_mb": [round(value, 1) for value in usage.memory_mb],
        "longest_stop": max(stops_s),
    }


def judge(infos: Sequence[EpisodeInfo], hardware: HardwareConfig) -> dict[str, Any]:
    """What the episodes say: bytes a second, messages that are missing, problems."""
    recorded = lost = 0
    for info in infos:
        for topic, hz in _rates(hardware).items():
            stream = info.streams[topic]
            recorded += stream.count
            # Between the first stamp and the last one.
            lost += round((stream.count - 1) / stream.hz * hz) + 1 - stream.count
    seconds = sum(info.duration_s for info in infos)
    return {
        "takes": len(infos),
        "recorded_s": seconds,
        "messages": recorded,
        "lost": lost,
        "disk_rate": sum(info.mcap.bytes for info in infos) / 1e6 / seconds,
        "bad_takes": sum(bool(info.problems) for info in infos),
        "problems": sorted({text for info in infos for text in info.problems}),
    }


def _rates(hardware: HardwareConfig) -> dict[str, float]:
    """Rate of each recorded topic that was sent at one."""
    layout = DatasetLayout.of(hardware)
    rates = {layout.image_topic(name): float(c.fps) for name, c in hardware.cameras.items()}
    for arm in hardware.arms:
        rates[command_topic(arm)] = hardware.rates.gate_hz
        for role in ("follower", "leader"):
            rates[joint_topic(arm, role)] = hardware.rates.state_hz
    return rates


def measure(minutes: float, noise: float) -> dict[str, Any]:
    """All figures."""
    hardware = hw_config.load()
    with tempfile.TemporaryDirectory(prefix="vega_recorder_bench_") as folder:
        frames, dataset = Path(folder, "frames.npz"), Path(folder, "dataset")
        np.savez(frames, **twin_images(hardware, noise))  # type: ignore[arg-type]
        rclpy.init(args=[])
        try:
            with Streams(frames) as streams, RecorderUnderTest(dataset) as recorder:
                used = record(recorder, streams, minutes)
        finally:
            rclpy.try_shutdown()
        return {
            "pictures": f"of the twin, close_laptop hard, with noise of {noise:g} grey levels",
            **used,
            **judge(read_infos(dataset), hardware),
        }


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code of `harness.run`."""
    parser = harness.parser("recorder", __doc__, "fail when a target is missed")
    parser.add_argument("--minutes", type=_minutes, default=2.0, help="of recording")
    parser.add_argument("--noise", type=float, default=1.5, help="of the images, grey levels")
    arguments = parser.parse_args(argv)
    return harness.run(arguments, lambda: measure(arguments.minutes, arguments.noise), _show)


def _minutes(text: str) -> float:
    value = float(text)
    if value < _LEAST_MINUTES:
        raise argparse.ArgumentTypeError(f"expected {_LEAST_MINUTES:g} or more, got {value:g}")
    return value


def _show(figures: dict[str, Any]) -> list[str]:
    missed = harness.judge(figures, WANTED)
    for text in figures["problems"]:
        print(f"  {text}")
    return missed


if __name__ == "__main__":
    sys.exit(main())

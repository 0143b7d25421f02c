"""Measures a recorded dataset: what is missing, and how well the stamps fit each other.

    python -m benches.dataset DIR [DIR ...] --json figures.json --check

All sealed episodes count, whatever became of them. All times are ROS times. --check: exit code 1
if a dataset misses a figure; `python -m teleop.check` judges each episode, and more than this.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import hw_config
from teleop.command_line import add_workers, show_progress
from teleop.dataset.episode import EpisodeInfo
from teleop.dataset.journal import read_journal
from teleop.dataset.layout import episode_folders, read_layout
from teleop.dataset.reader import open_episode
from teleop.errors import DatasetError, EpisodeDamaged, TeleopError
from teleop.export.workers import Workers
from teleop.quality.context import context_of
from teleop.quality.streams import (
    Stamps,
    StreamQuality,
    camera_spans,
    p95_s,
    pauses,
    stream_qualities,
    to_joints,
)
from vega_core import command_line

MISSING = 0.01
"""Of the messages that a stream should have."""
HALF_A_FRAME = 0.5
"""From the earliest to the latest of a sample's three images, 95 % of the samples."""
TO_JOINTS_S = 0.005
"""From an image to the followers' joint states of its sample, 95 % of the images."""


class Measured(NamedTuple):
    """What is taken from one episode; of `quality.streams`."""

    info: EpisodeInfo
    streams: list[StreamQuality]
    spans: Stamps
    to_joints: Stamps


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    arguments = _parser().parse_args(argv)
    return command_line.run(lambda: _run(arguments), TeleopError, OSError)


def _run(arguments: argparse.Namespace) -> int:
    found = [measure(folder, arguments.workers) for folder in arguments.datasets]
    command_line.write_json(arguments.json, found, indent=1)
    for figures in found:
        print("\n".join(_lines(figures)))
    return int(arguments.check and any(figures["missed"] for figures in found))


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser("benches.dataset", __doc__)
    parser.add_argument(
        "datasets", type=Path, nargs="+", metavar="DIR", help="folder of a recorded dataset"
    )
    add_workers(parser)
    command_line.add_json(parser)
    parser.add_argument("--check", action="store_true", help="exit with 1 if a figure is missed")
    return parser


def measure(folder: Path, workers: int = 1) -> dict[str, Any]:
    """The figures of a dataset, JSON-ready.

    Raises:
        DatasetError: The folder is no dataset, or has no sealed episode.
        EpisodeDamaged: An episode is not what was sealed.
    """
    read_layout(folder)
    folders = episode_folders(folder)
    if not folders:
        raise DatasetError(f"{folder} has no sealed episode: record some, or repair it")
    episodes: list[Measured] = []
    with Workers(min(workers, len(folders))) as pool:
        for each in pool.each(_measured, folders):
            if isinstance(each, str):
                raise EpisodeDamaged(each)
            episodes.append(each)
            show_progress(len(episodes), len(folders))
    return {"dataset": str(folder), **_takes(folder, episodes), **_figures(episodes)}


def _measured(folder: Path) -> Measured | str:
    try:
        with open_episode(folder, verify=True) as recorded:
            info = recorded.info
            cell = context_of(recorded.hardware_files(), info.task)
            paused = pauses(recorded.events(), info.end_ns)
            images = {camera: recorded.image_stamps(camera) for camera in recorded.cameras}
            joints = {arm: recorded.joints(arm) for arm in recorded.arms}
            states = {arm: series.stamps_ns for arm, series in joints.items() if series is not None}
            streams = stream_qualities(recorded, cell, paused)
            return Measured(info, streams, camera_spans(images), to_joints(images, states))
    except (EpisodeDamaged, hw_config.ConfigError) as error:
        return str(error)


def _takes(folder: Path, episodes: Sequence[Measured]) -> dict[str, Any]:
    infos = [episode.info for episode in episodes]
    events = Counter(entry.event for entry in read_journal(folder).entries)
    return {
        "episodes": len(infos),
        "tasks": Counter(info.task for info in infos),
        "robots": Counter(info.robot for info in infos),
        "outcomes": Counter(info.outcome for info in infos),
        "recovered": sum(info.recovered is not None for info in infos),
        "bad": sum(bool(info.problems) for info in infos),
        "discarded": events["discarded"],
        "recorded_s": round(sum(info.duration_s for info in infos), 3),
        "megabytes": round(sum(info.mcap.bytes for info in infos) / 1e6, 3),
    }


def _figures(episodes: Sequence[Measured]) -> dict[str, Any]:
    expected: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    for episode in episodes:
        for stream in episode.streams:
            if stream.expected:
                expected[stream.name] += stream.expected
                missing[stream.name] += stream.missing
    share = {name: missing[name] / expected[name] for name in expected}
    slowest = min(s.nominal_hz for e in episodes for s in e.streams if s.kind == "camera")
    figures = {
        "missing_share": max(share.values(), default=0.0),
        "camera_skew_p95_s": p95_s(np.concatenate([e.spans for e in episodes])),
        "joint_skew_p95_s": p95_s(np.concatenate([e.to_joints for e in episodes])),
    }
    most = {
        "missing_share": MISSING,
        "camera_skew_p95_s": HALF_A_FRAME / slowest,
        "joint_skew_p95_s": TO_JOINTS_S,
    }
    return {
        **figures,
        "at_most": most,
        # What nothing is known of is not met.
        "missed": [n for n, value in figures.items() if value is None or value > most[n]],
        "expected": dict(expected),
        "missing": dict(missing),
    }


def _lines(figures: dict[str, Any]) -> list[str]:
    counts = [f"{figures['episodes']} episodes"]
    counts += [f"{count} {what}" for what, count in figures["outcomes"].items()]
    counts += [f"{figures[what]} {what}" for what in ("bad", "recovered", "discarded")]
    rows = [
        f"{figures['dataset']}: {', '.join(counts)}; {figures['recorded_s']:.0f} s, "
        f"{figures['megabytes'] / figures['recorded_s']:.1f} MB/s"
    ]
    for name, scale, unit in (
        ("missing_share", 100.0, "%"),
        ("camera_skew_p95_s", 1e3, "ms"),
        ("joint_skew_p95_s", 1e3, "ms"),
    ):
        value, most = figures[name], figures["at_most"][name]
        shown = "unknown" if value is None else f"{scale * value:.2f} {unit}"
        verdict = "MISSED" if name in figures["missed"] else "ok"
        rows.append(f"  {name:18s} {shown:>10s}  (at most {scale * most:.3g} {unit})  {verdict}")
    return rows


if __name__ == "__main__":
    sys.exit(main())

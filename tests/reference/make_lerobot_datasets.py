"""Makes a small dataset of every import format and of the export, and notes what our reader sees.

    python tests/reference/make_lerobot_datasets.py OUT

OUT/NAME is a LeRobot dataset as the importers and the exporter write it; OUT/NAME.npz holds what
our own reader finds in the first, middle and last step of each of its episodes, for
``open_lerobot_datasets.py`` to compare with. Sources are those of the importers' tests.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from teleop.convert.formats import ImportOptions
from teleop.convert.lerobot import FORMAT
from teleop.export.__main__ import main as export
from teleop.tests import test_convert, test_convert_lerobot, test_convert_rosbag2
from teleop.tests.episodes import START_NS, make_episode, open_store
from vega_core.stamps import NS

Make = Callable[[Path, Path], int]
READ = ImportOptions("close_laptop", None, None, "leader", 1.0, False, False, {}, None)


def cobot_magic(compress: bool) -> Make:
    """Two files of Cobot Magic's recorder."""

    def make(source: Path, out: Path) -> int:
        for number in (0, 1):
            steps = test_convert.STEPS + number
            test_convert.cobot_magic(source / f"episode_{number}.hdf5", compress, steps)
        return test_convert.convert(source, out, "cobot_magic")

    return make


def robotwin(write: Callable[..., Any], *options: str, **more: Any) -> Make:
    """Two episodes of RoboTwin."""

    def make(source: Path, out: Path) -> int:
        for number in (0, 1):
            write(source, number, **more)
        return test_convert.convert(source, out, "robotwin", "--gripper-scale", "0.07", *options)

    return make


def lerobot(write: Callable[[Path], None], *options: str) -> Make:
    """A dataset that somebody else made with LeRobot."""

    def make(source: Path, out: Path) -> int:
        write(source)
        return test_convert_lerobot.convert(source, out, *options)

    return make


def rosbag2(storage: str, compressed: bool) -> Make:
    """Two bags."""

    def make(source: Path, out: Path) -> int:
        for name, until in (("a", 1.0), ("b", 1.5)):
            test_convert_rosbag2.bag(source / name, storage, "rgb8", compressed, until)
        return test_convert_rosbag2.convert(source, out, "--fps", "25")

    return make


def recorded(*options: str) -> Make:
    """An export of two recorded episodes."""

    def make(source: Path, out: Path) -> int:
        with open_store(source) as store:
            make_episode(store, 1.2)
            make_episode(store, 1.6, phase=1.4, start_ns=START_NS + 60 * NS)
        command = [str(source), "--format", "lerobot", "--out", str(out), "--workers", "1"]
        return export([*command, *options])

    return make


MAKERS: dict[str, Make] = {
    "cobot_magic": cobot_magic(False),
    "cobot_magic-jpeg": cobot_magic(True),
    "robotwin-old": robotwin(test_convert.robotwin_old),
    "robotwin-new": robotwin(test_convert.robotwin_new),
    "robotwin-marked-50hz": robotwin(
        test_convert.robotwin_new, marked=lambda row: True, frequency=5
    ),
    "robotwin-to-25hz": robotwin(test_convert.robotwin_new, "--fps", "25"),
    "lerobot-v2.0": lerobot(lambda folder: test_convert_lerobot.dataset_v2(folder, "v2.0")),
    "lerobot-v2.1-av1": lerobot(
        lambda folder: test_convert_lerobot.dataset_v2(folder, codec="libsvtav1")
    ),
    "lerobot-v2.1-png": lerobot(
        lambda folder: test_convert_lerobot.dataset_v2(folder, dtype="image")
    ),
    "lerobot-v3.0": lerobot(test_convert_lerobot.dataset_v3),
    "lerobot-v3.0-to-25hz": lerobot(test_convert_lerobot.dataset_v3, "--fps", "25"),
    "rosbag2-mcap": rosbag2("mcap", compressed=False),
    "rosbag2-mcap-jpeg": rosbag2("mcap", compressed=True),
    "rosbag2-sqlite3": rosbag2("sqlite3", compressed=False),
    "export-follower": recorded(),
    "export-leader-30hz": recorded("--action", "leader", "--fps", "30"),
}


def seen(folder: Path) -> dict[str, Any]:
    """What our reader finds in some steps of every episode."""
    found: dict[str, Any] = {}
    places = FORMAT.episodes(folder, READ)
    for number, path in places:
        episode = FORMAT.read(number, path, READ)
        length = len(episode.state.values)
        steps = np.array([0, length // 2, length - 1])
        assert episode.leader is not None
        found[f"{number}/steps"] = steps
        found[f"{number}/length"] = np.array(length)
        found[f"{number}/state"] = episode.state.values[steps]
        found[f"{number}/action"] = episode.leader.values[steps]
        rows = dict.fromkeys(episode.images.stamps_ns, steps)
        for image in episode.images.chosen(rows).read():
            found[f"{number}/{image.camera}/{image.step}"] = image.image
        what = {"task": episode.instruction, "fps": episode.fps, "cameras": list(rows)}
        found[f"{number}/what"] = np.array(json.dumps(what))
    return found


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    (out / "sources").mkdir(parents=True)
    for name, make in MAKERS.items():
        if make(out / "sources" / name, out / name) != 0:
            return 1
        np.savez(out / f"{name}.npz", **seen(out / name))
    return 0


if __name__ == "__main__":
    sys.exit(main())

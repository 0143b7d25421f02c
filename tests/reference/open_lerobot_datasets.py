"""Opens datasets with the public LeRobot library and compares them with what our reader sees.

    python tests/reference/open_lerobot_datasets.py FOLDER [--json FILE]

FOLDER was made by ``make_lerobot_datasets.py``. Runs in LeRobot's environment, with none of this
project's code. Compared are shapes, names, rate, tasks and lengths; state and action, which must be
equal; images of the first, middle and last step; and a chunk of two actions. Exit code 1: something
differs.
"""

import argparse
import json
import sys
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset

MEAN_LEVELS = 2.0  # between two decoders of one image of a video
DIMENSION = 14


class Findings:
    """What was looked at in a dataset and what differs."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.largest = {"state": 0.0, "action": 0.0, "image_levels": 0.0}

    def equal(self, what: str, found: object, expected: object) -> None:
        """Two values are to be the same."""
        if found != expected:
            self.problems.append(f"{what} is {found}, expected {expected}")

    def at_most(self, what: str, value: float, limit: float, where: str) -> None:
        """Remembers the largest value; one above the limit, or none, is a problem."""
        self.largest[what] = max(self.largest[what], float(value))
        if not value <= limit:
            self.problems.append(f"{where}: {what} differs by {value:.4g}")


def check(folder: Path, findings: Findings) -> dict[str, Any]:
    """Opens one dataset and looks at all of its episodes."""
    known = np.load(folder.with_name(f"{folder.name}.npz"))
    numbers = sorted({int(key.partition("/")[0]) for key in known.files})
    dataset = LeRobotDataset(f"local/{folder.name}", root=folder, video_backend="pyav")
    findings.equal("episodes", dataset.num_episodes, len(numbers))
    findings.equal("frames", dataset.num_frames, sum(int(known[f"{n}/length"]) for n in numbers))
    begin = 0
    for number in numbers:
        check_episode(dataset, known, number, begin, findings)
        begin += int(known[f"{number}/length"])
    ahead = {"action": [0.0, 1.0 / dataset.fps]}
    chunks = LeRobotDataset(
        f"local/{folder.name}", root=folder, video_backend="pyav", delta_timestamps=ahead
    )
    pair = chunks[0]["action"].numpy()
    findings.equal("shape of a chunk", pair.shape, (2, DIMENSION))
    second = dataset[1]["action"].numpy()
    findings.at_most("action", np.abs(pair[1] - second).max(), 0.0, "second action of a chunk")
    return {"fps": dataset.fps, "episodes": len(numbers), "frames": dataset.num_frames}


def check_episode(
    dataset: LeRobotDataset, known: Any, number: int, begin: int, findings: Findings
) -> None:
    """Some steps of an episode."""
    what = json.loads(str(known[f"{number}/what"]))
    findings.equal("fps", dataset.fps, what["fps"])
    for place, step in enumerate(known[f"{number}/steps"].tolist()):
        where = f"episode {number}, step {step}"
        item = dataset[begin + step]
        findings.equal(f"{where}: instruction", item["task"], what["task"])
        findings.equal(f"{where}: episode_index", int(item["episode_index"]), number)
        findings.equal(f"{where}: frame_index", int(item["frame_index"]), step)
        for key, name in (("observation.state", "state"), ("action", "action")):
            values = item[key].numpy()
            findings.equal(f"{where}: shape of {name}", values.shape, (DIMENSION,))
            findings.equal(f"{where}: dtype of {name}", str(values.dtype), "float32")
            error = np.abs(values - known[f"{number}/{name}"][place]).max()
            findings.at_most(name, error, 0.0, where)
        for camera in what["cameras"]:
            expected = known[f"{number}/{camera}/{place}"]
            shown = item[f"observation.images.{camera}"]
            findings.equal(f"{where}: shape of {camera}", shown.shape[1:], expected.shape[:2])
            levels = (shown * 255).permute(1, 2, 0).numpy()
            error = np.abs(levels - expected).mean()
            findings.at_most("image_levels", error, MEAN_LEVELS, f"{where}, {camera}")


def result_of(folder: Path) -> dict[str, Any]:
    """What became of one dataset, also if it does not open."""
    findings = Findings()
    facts: dict[str, Any] = {}
    try:
        facts = check(folder, findings)
    except Exception:  # whatever the library makes of what it cannot read
        findings.problems.append(traceback.format_exc().strip().splitlines()[-1])
    largest = {name: round(value, 4) for name, value in findings.largest.items()}
    return {"dataset": folder.name, **facts, **largest, "problems": findings.problems[:10]}


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path, help="writes the results into this file")
    arguments = parser.parse_args()
    versions = {name: version(name) for name in ("lerobot", "torch", "av")}
    print(", ".join(f"{name} {number}" for name, number in versions.items()))
    results = []
    for file in sorted(arguments.folder.glob("*.npz")):
        result = result_of(file.with_suffix(""))
        results.append(result)
        print(", ".join(f"{key} {value}" for key, value in result.items() if key != "problems"))
        for each in result["problems"]:
            print(f"  DIFFERS: {each}")
    if arguments.json:
        content = {"versions": versions, "most_image_levels": MEAN_LEVELS, "datasets": results}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")
    return 0 if results and not any(result["problems"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())

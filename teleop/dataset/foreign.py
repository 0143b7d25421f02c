"""What a folder is that is no recorded dataset, and what to do with it."""

from __future__ import annotations

import json
from pathlib import Path
from shlex import quote

DATASET_FILE = "dataset.yaml"
_CONVERT = "python -m teleop.convert {} OUT --from {} --task TASK"
_RECORD = "give the folder that was recorded with teleop.launch.py dataset:=..."


def what_it_is(folder: Path) -> str:
    """A sentence for people; raises OSError where the folder cannot be read."""
    if not folder.is_dir():
        return "it is a file, no folder" if folder.exists() else f"it does not exist; {_RECORD}"
    inside = next((each for each in folder.parents if (each / DATASET_FILE).is_file()), None)
    if inside is not None:
        return f"it is a part of one: give {inside}"
    names = sorted(path.name for path in folder.iterdir())
    datasets = [name for name in names if (folder / name / DATASET_FILE).is_file()]
    if datasets:
        return f"it has {len(datasets)} in it: give one, such as {folder / datasets[0]}"
    if (folder / "meta" / "info.json").is_file():
        return _lerobot(folder)
    if any(name.endswith(".hdf5") for name in names):
        convert = _CONVERT.format(quote(str(folder)), "cobot_magic")
        return f"it has HDF5 files of demonstrations, to be converted ({convert}; or robotwin)"
    if "metadata.yaml" in names:
        convert = _CONVERT.format(quote(str(folder)), "rosbag2")
        return f"it is a folder of ros2 bag record, to be converted ({convert} --topics FILE)"
    return f"{DATASET_FILE} is missing; {_RECORD}"


def _lerobot(folder: Path) -> str:
    """A LeRobot dataset: an export of ours says which recordings it was made of."""
    try:
        told = json.loads((folder / "meta" / "provenance.json").read_text(encoding="utf-8"))
        sources = [quote(str(path)) for path in told["datasets"]]
    except (OSError, ValueError, KeyError, TypeError):
        sources = []
    if sources:
        checks = " and ".join(f"python -m teleop.check {path}" for path in sources)
        return f"it is a LeRobot dataset, exported from recordings: these are checked ({checks})"
    train = f"python -m vega_policy.train --recipe RECIPE --dataset {quote(str(folder))} --out RUN"
    return (
        "it is a LeRobot dataset, which was checked when it was converted and is ready for "
        f"training ({train})"
    )

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

import hw_config

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE))  # system.py and checkpoints.py

if importlib.util.find_spec("vega_msgs") is None:
    raise pytest.UsageError("tests of the launched system need the workspace: source env.sh first")


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """A policy that moves the arms a little around their resting posture."""
    import checkpoints

    return checkpoints.untrained(tmp_path_factory.mktemp("policy") / "untrained")


@pytest.fixture(scope="session")
def short_episode(tmp_path_factory):
    """Environment in which a task's time limit is 5 s."""
    folder = tmp_path_factory.mktemp("cell") / "hw_config"
    shutil.copytree(hw_config.config_dir(), folder, ignore=shutil.ignore_patterns("*.py*", "test*"))
    file = folder / "tasks" / "close_laptop.yaml"
    lines = file.read_text().splitlines()
    file.write_text(
        "\n".join("time_limit_s: 5.0" if "time_limit_s" in line else line for line in lines)
    )
    return {"VEGA_HW_CONFIG": os.fspath(folder)}

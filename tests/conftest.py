import importlib.util
import os
import re
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
def cell(tmp_path_factory):
    """Makes a copy of hw_config with some values changed; returns the environment that uses it."""

    def make(**values):
        folder = tmp_path_factory.mktemp("cell") / "hw_config"
        leave = shutil.ignore_patterns("*.py*", "test*", "__pycache__")
        shutil.copytree(hw_config.config_dir(), folder, ignore=leave)
        for file in folder.rglob("*.yaml"):
            text = file.read_text()
            for key, value in values.items():
                text = re.sub(rf"(?m)^{key}:.*$", f"{key}: {value}", text)
            file.write_text(text)
        return {"VEGA_HW_CONFIG": os.fspath(folder)}

    return make


@pytest.fixture(scope="session")
def light_cell(cell):
    """Cameras at 10 Hz: for tests of what happens, not of how fast."""
    return cell(fps=10)

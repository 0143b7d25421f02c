"""A cell whose tasks have little time, policies for it, and sessions that were played.

The modules beside can be imported.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from checkpoints import untrained

import hw_config

TIME_LIMIT_S = 0.6
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module")
def short_tasks(tmp_path_factory) -> Iterator[Path]:
    """Makes it the cell that everybody loads, child processes too."""
    folder = tmp_path_factory.mktemp("short_tasks") / "cell"
    shutil.copytree(hw_config.config_dir(), folder)
    for file in (folder / "tasks").glob("*.yaml"):
        task = yaml.safe_load(file.read_text(encoding="utf-8"))
        task["time_limit_s"] = TIME_LIMIT_S
        file.write_text(yaml.safe_dump(task, sort_keys=False), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VEGA_HW_CONFIG", str(folder))
        yield folder


@pytest.fixture(scope="module")
def aimless(tmp_path_factory) -> Path:
    """A policy that moves the arms a little."""
    return untrained(tmp_path_factory.mktemp("policies") / "aimless")


@pytest.fixture
def played(tmp_path):
    """Writes a session of these outcomes into a folder of this name, and gives its path."""
    from synthetic_sessions import SyntheticSession

    def write(name: str, outcomes: dict[str, str], **other: object) -> Path:
        return SyntheticSession(outcomes, **other).write(tmp_path / name)

    return write

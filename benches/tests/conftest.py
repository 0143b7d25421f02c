"""What tests of benches need: a policy that moves a little, and child processes that find us."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from checkpoints import untrained


@pytest.fixture(scope="module")
def aimless(tmp_path_factory) -> Path:
    """A policy that moves the arms a little."""
    return untrained(tmp_path_factory.mktemp("policies") / "aimless")


@pytest.fixture
def child_environment() -> dict[str, str]:
    """Lets a child process import what this one can."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

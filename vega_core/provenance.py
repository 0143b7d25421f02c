"""Which code runs: its git commit, and the versions of the packages that matter."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

_PACKAGES = ("vega-robot", "mcap", "pyrealsense2", "piper_sdk", "mujoco")
_PATIENCE_S = 10.0


class GitState(BaseModel):
    """The commit of a working tree; `dirty` where files differ from it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    commit: str = ""
    dirty: bool = False


def git_state(folder: Path) -> GitState:
    """The commit that is checked out, and whether files differ from it; empty without git."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return GitState(commit=commit, dirty=bool(_git(folder, "status", "--porcelain", "-uno")))
    except (OSError, subprocess.SubprocessError):
        return GitState()


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=_PATIENCE_S,
    )
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """Versions of installed packages by name."""
    import cv2  # half a second, and most of those who ask for the commit do without

    found = {"opencv": cv2.__version__, "numpy": np.__version__}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

"""The cell as an episode describes it: the configuration that was recorded with it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import hw_config
from hw_config import ConfigError, HardwareConfig, TaskConfig


class EpisodeContext(NamedTuple):
    """What an episode is judged by.

    Attributes:
        hardware: Cameras, arms, limits, rates.
        task: None if neither the episode nor hw_config knows it.
        recorded: Whether it was recorded with the episode; else it is today's hw_config.
    """

    hardware: HardwareConfig
    task: TaskConfig | None
    recorded: bool


def context_of(files: Mapping[str, str], task: str) -> EpisodeContext:
    """The cell that the configuration of an episode describes.

    Args:
        files: Text of each file of hw_config, by its path within.
        task: Name of the task.

    Raises:
        ConfigError: Neither the recorded configuration nor today's can be read.
    """
    return _context_of(tuple(sorted(files.items())), task)


@lru_cache(maxsize=64)
def _context_of(files: tuple[tuple[str, str], ...], task: str) -> EpisodeContext:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in files:
            target = (folder / path).resolve()
            if folder.resolve() in target.parents:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
        try:
            return EpisodeContext(
                hw_config.load(folder), hw_config.load_task(task, folder), recorded=True
            )
        except ConfigError:
            pass
    try:
        known = hw_config.load_task(task)
    except ConfigError:
        known = None
    return EpisodeContext(hw_config.load(), known, recorded=False)

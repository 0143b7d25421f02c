"""The tasks of the twin: one module each, named as in hw_config, with its scene.

To add a task `close_drawer`, write `vega_sim/tasks/close_drawer.py` with a `vega_sim.task.Task`
subclass `CloseDrawerScene`, and `hw_config/tasks/close_drawer.yaml`; the environment, the player,
the recorder and the bench find it by its name. Modules that begin with `_` are parts of a task.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

import hw_config

if TYPE_CHECKING:
    from vega_sim.task import Task


def built_tasks() -> list[str]:
    """Names of the tasks that the twin has, sorted."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in names if not name.startswith("_"))


def make_task(name: str, variant: str) -> Task:
    """Builds the scene of a task.

    Raises:
        hw_config.ConfigError: The task is unknown or has no such variant; the valid names are
            listed.
    """
    config = hw_config.load_task(name)
    if name not in built_tasks():
        raise hw_config.ConfigError(
            f"task {name!r} is not built in the twin; it has: {', '.join(built_tasks())}"
        )
    if variant not in config.variants:
        raise hw_config.ConfigError(
            f"task {name!r} has no variant {variant!r}; use one of: {', '.join(config.variants)}"
        )
    module = importlib.import_module(f"{__name__}.{name}")
    scene: type[Task] = getattr(module, f"{name.title().replace('_', '')}Scene")
    return scene(config, variant)

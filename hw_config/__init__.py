"""What is true of this cell: cameras, arms, limits, rates and tasks, as schema-checked YAML.

`load()` reads the cell, `load_task(name)` one task, `task_names()` lists the tasks. The YAML files
lie beside this module; set VEGA_HW_CONFIG to a folder of the same shape to describe another cell.
"""

from hw_config.cell import HardwareConfig
from hw_config.loader import config_dir, load, load_task, task_names
from hw_config.schema import (
    ArmConfig,
    CameraConfig,
    ConfigError,
    ForbiddenBox,
    Limits,
    PlacementConfig,
    PlacementRegion,
    Rates,
    RecordingConfig,
    TaskConfig,
    Workspace,
)

__all__ = [
    "ArmConfig",
    "CameraConfig",
    "ConfigError",
    "ForbiddenBox",
    "HardwareConfig",
    "Limits",
    "PlacementConfig",
    "PlacementRegion",
    "Rates",
    "RecordingConfig",
    "TaskConfig",
    "Workspace",
    "config_dir",
    "load",
    "load_task",
    "task_names",
]

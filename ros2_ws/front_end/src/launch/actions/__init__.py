"""Actions of a launch."""

from ..uncovered import module_getattr
from .events import EmitEvent, RegisterEventHandler, Shutdown
from .execute_process import ExecuteProcess
from .flow import GroupAction, IncludeLaunchDescription, LogInfo, OpaqueFunction, TimerAction
from .settings import (
    AppendEnvironmentVariable,
    DeclareLaunchArgument,
    SetEnvironmentVariable,
    SetLaunchConfiguration,
    UnsetEnvironmentVariable,
)

__all__ = [
    "AppendEnvironmentVariable",
    "DeclareLaunchArgument",
    "EmitEvent",
    "ExecuteProcess",
    "GroupAction",
    "IncludeLaunchDescription",
    "LogInfo",
    "OpaqueFunction",
    "RegisterEventHandler",
    "SetEnvironmentVariable",
    "SetLaunchConfiguration",
    "Shutdown",
    "TimerAction",
    "UnsetEnvironmentVariable",
]

__getattr__ = module_getattr(__name__)

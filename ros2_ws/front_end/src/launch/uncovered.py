"""How the front end refuses what it does not cover: with an error that names it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from typing import Any

_ADVICE = "is not covered by this project's launch front end; use"

# What a launch file can use in place of names that upstream has and this front end has not.
_LOGIC = "launch.substitutions.PythonExpression"
_CONDITION = "launch.conditions.IfCondition with launch.substitutions.PythonExpression"
_SCOPE = "launch.actions.GroupAction"
_INSTEAD = {
    "launch.actions.PopEnvironment": _SCOPE,
    "launch.actions.PopLaunchConfigurations": _SCOPE,
    "launch.actions.PushEnvironment": _SCOPE,
    "launch.actions.PushLaunchConfigurations": _SCOPE,
    "launch.actions.ResetEnvironment": _SCOPE,
    "launch.actions.ResetLaunchConfigurations": _SCOPE,
    "launch.actions.UnregisterEventHandler": "handle_once=True of the handler",
    "launch.actions.UnsetLaunchConfiguration": _SCOPE,
    "launch.conditions.LaunchConfigurationEquals": _CONDITION,
    "launch.conditions.LaunchConfigurationNotEquals": _CONDITION,
    "launch.event_handlers.OnExecutionComplete": "launch.event_handlers.OnProcessExit",
    "launch.event_handlers.OnProcessIO": "launch.event_handlers.OnProcessStart or OnProcessExit",
    "launch.events.process.matches_executable": "launch.events.matches_action",
    "launch.events.process.matches_name": "launch.events.matches_action",
    "launch.events.process.matches_pid": "launch.events.matches_action",
    "launch.some_substitutions_type": "launch.SomeSubstitutionsType",
    "launch.substitutions.AllSubstitution": _LOGIC,
    "launch.substitutions.AndSubstitution": _LOGIC,
    "launch.substitutions.AnySubstitution": _LOGIC,
    "launch.substitutions.EqualsSubstitution": _LOGIC,
    "launch.substitutions.FileContent": "launch.substitutions.Command with cat",
    "launch.substitutions.IfElseSubstitution": _LOGIC,
    "launch.substitutions.LocalSubstitution": "a function as the handler's reaction",
    "launch.substitutions.NotEqualsSubstitution": _LOGIC,
    "launch.substitutions.NotSubstitution": _LOGIC,
    "launch.substitutions.OrSubstitution": _LOGIC,
    "launch_ros.actions.SetParametersFromFile": "parameters=[...] of the nodes",
    "launch_ros.parameter_descriptions.Parameter": "a dictionary in parameters=[...]",
    "launch_ros.substitutions.FindPackagePrefix": "launch_ros.substitutions.FindPackageShare",
}


class UncoveredApiError(ImportError):
    """A name of the launch API that this front end does not supply was asked for."""


def describe_uncovered(name: str) -> str:
    """Return the sentence that says that `name` is not covered, and what to use instead."""
    full = "a full ROS 2 installation"
    instead = _INSTEAD.get(name)
    return f"{name} {_ADVICE} {full if instead is None else f'{instead}, or {full}'}"


def module_getattr(module: str) -> Callable[[str], Any]:
    """Return a module `__getattr__` that names what `module` does not cover."""

    def missing(name: str) -> Any:
        # Dunder names are probed by the import system, submodules are about to be imported:
        # both have to look merely absent.
        if name.startswith("__") or _is_submodule(module, name):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        raise UncoveredApiError(describe_uncovered(f"{module}.{name}"))

    return missing


def _is_submodule(module: str, name: str) -> bool:
    is_package = hasattr(sys.modules[module], "__path__")
    return is_package and importlib.util.find_spec(f"{module}.{name}") is not None


def reject_arguments(owner: object, arguments: Mapping[str, Any]) -> None:
    """Raise TypeError naming the keyword arguments of `owner`'s class that are left over."""
    if not arguments:
        return
    cls = type(owner)
    package = ".".join(cls.__module__.split(".")[:2])
    given = ", ".join(f"{name}=..." for name in arguments)
    raise TypeError(describe_uncovered(f"{package}.{cls.__name__}({given})"))

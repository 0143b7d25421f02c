"""Launch files written in Python."""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any

from .launch_description import LaunchDescription
from .launch_description_source import LaunchDescriptionSource
from .some_substitutions_type import SomeSubstitutionsType
from .uncovered import UncoveredApiError, describe_uncovered, plain_module_getattr

__all__ = [
    "AnyLaunchDescriptionSource",
    "InvalidLaunchFileError",
    "InvalidPythonLaunchFileError",
    "PythonLaunchDescriptionSource",
    "get_launch_description_from_any_launch_file",
    "get_launch_description_from_python_launch_file",
    "load_python_launch_file_as_module",
]


class InvalidLaunchFileError(Exception):
    """A launch file cannot be read."""


class InvalidPythonLaunchFileError(InvalidLaunchFileError):
    """A Python launch file cannot be read or does not describe a launch."""


def load_python_launch_file_as_module(python_launch_file_path: str) -> ModuleType:
    """Import a launch file as a module of its own."""
    name = os.path.basename(python_launch_file_path).replace(".", "_")
    loader = SourceFileLoader(name, python_launch_file_path)
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def get_launch_description_from_python_launch_file(
    python_launch_file_path: str,
) -> LaunchDescription:
    """Return what `generate_launch_description()` of a launch file returns.

    Raises:
        FileNotFoundError: if there is no such file.
        InvalidPythonLaunchFileError: if the file fails, or has no such function.
    """
    path = os.path.abspath(python_launch_file_path)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no launch file {path}")
    try:
        module = load_python_launch_file_as_module(path)
        generate = getattr(module, "generate_launch_description", None)
        if generate is None:
            raise InvalidPythonLaunchFileError(
                f"the launch file {path} has no function generate_launch_description()"
            )
        description = generate()
    except InvalidLaunchFileError:
        raise
    except Exception as error:
        raise InvalidPythonLaunchFileError(_explain(path, error)) from error
    if not isinstance(description, LaunchDescription):
        raise InvalidPythonLaunchFileError(
            f"generate_launch_description() in {path} returned {description!r}, "
            "expected a LaunchDescription"
        )
    return description


def _explain(path: str, error: Exception) -> str:
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    place = f"{path}, line {own[-1].lineno}" if own else path
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        package = error.name.partition(".")[0]
        if package in ("launch", "launch_ros") and package in sys.modules:
            return f"{place}: {describe_uncovered(error.name)}"
    if isinstance(error, UncoveredApiError):
        return f"{place}: {error}"
    return f"{place}: {type(error).__name__}: {error}"


def get_launch_description_from_any_launch_file(launch_file_path: str) -> LaunchDescription:
    """Return the description in a launch file; only Python launch files are covered.

    Raises:
        FileNotFoundError: if there is no such file.
        InvalidLaunchFileError: if it is not a Python launch file, or cannot be read.
    """
    if not launch_file_path.endswith(".py"):
        extension = os.path.splitext(launch_file_path)[1] or "no extension"
        raise InvalidLaunchFileError(
            f"{launch_file_path}: {describe_uncovered(f'a launch file with {extension}')}"
        )
    return get_launch_description_from_python_launch_file(launch_file_path)


class AnyLaunchDescriptionSource(LaunchDescriptionSource):
    """The description in a launch file, whose language its name tells."""

    def __init__(self, launch_file_path: SomeSubstitutionsType = "", **uncovered: Any) -> None:
        """Create a source from the path of a launch file."""
        super().__init__(None, launch_file_path, "interpreted launch file", **uncovered)

    def _get_launch_description(self, location: str) -> LaunchDescription:
        return get_launch_description_from_any_launch_file(location)


class PythonLaunchDescriptionSource(LaunchDescriptionSource):
    """The description in a Python launch file."""

    def __init__(
        self,
        launch_file_path: SomeSubstitutionsType,
        *,
        method: str | None = None,
        **uncovered: Any,
    ) -> None:
        """Create a source from the path of a launch file."""
        how = method or "interpreted python launch file"
        super().__init__(None, launch_file_path, how, **uncovered)

    def _get_launch_description(self, location: str) -> LaunchDescription:
        return get_launch_description_from_python_launch_file(location)


__getattr__ = plain_module_getattr(__name__)

"""Where launch descriptions come from: launch files written in Python."""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any

from .launch_context import LaunchContext
from .launch_description import LaunchDescription
from .substitution import SomeSubstitutionsType
from .uncovered import UncoveredApiError, describe_uncovered, module_getattr, reject_arguments
from .utilities import (
    describe_substitutions,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

__all__ = [
    "AnyLaunchDescriptionSource",
    "InvalidLaunchFileError",
    "LaunchDescriptionSource",
    "PythonLaunchDescriptionSource",
]


class InvalidLaunchFileError(Exception):
    """A launch file cannot be read, or does not describe a launch."""


class LaunchDescriptionSource:
    """A launch description, or the path of a file that makes one."""

    def __init__(
        self,
        launch_description: LaunchDescription | None = None,
        location: SomeSubstitutionsType = "",
        **uncovered: Any,
    ) -> None:
        """Create a source from a description at hand, or from the location of one."""
        reject_arguments(self, uncovered)
        self._description = launch_description
        self._location = normalize_to_list_of_substitutions(location)
        self._expanded_location: str | None = None

    @property
    def location(self) -> str:
        """The path once it is known, else its description."""
        if self._expanded_location is not None:
            return self._expanded_location
        return describe_substitutions(self._location)

    def get_launch_description(self, context: LaunchContext) -> LaunchDescription:
        """Return the description, loading it the first time."""
        if self._description is None:
            self._expanded_location = perform_substitutions(context, self._location)
            self._description = self._load(self._expanded_location)
        return self._description

    def try_get_launch_description_without_context(self) -> LaunchDescription | None:
        """Return the description if its location needs nothing from a running launch."""
        if self._description is not None:
            return self._description
        context = LaunchContext()
        try:
            perform_substitutions(context, self._location)
        except Exception:
            return None
        return self.get_launch_description(context)

    def _load(self, location: str) -> LaunchDescription:
        raise NotImplementedError(f"{type(self).__name__}._load")


class PythonLaunchDescriptionSource(LaunchDescriptionSource):
    """The description in a Python launch file."""

    def __init__(self, launch_file_path: SomeSubstitutionsType, **uncovered: Any) -> None:
        """Create a source from the path of a launch file."""
        super().__init__(None, launch_file_path, **uncovered)

    def _load(self, location: str) -> LaunchDescription:
        return _load_launch_file(location)


class AnyLaunchDescriptionSource(PythonLaunchDescriptionSource):
    """The same, for a file whose language its name tells; only Python is covered."""

    def _load(self, location: str) -> LaunchDescription:
        if not location.endswith(".py"):
            extension = os.path.splitext(location)[1] or "no extension"
            uncovered = describe_uncovered(f"a launch file with {extension}")
            raise InvalidLaunchFileError(f"{location}: {uncovered}")
        return super()._load(location)


def _import(launch_file_path: str) -> ModuleType:
    """Import a launch file as a module of its own."""
    name = os.path.basename(launch_file_path).replace(".", "_")
    loader = SourceFileLoader(name, launch_file_path)
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def _load_launch_file(
    launch_file_path: str,
) -> LaunchDescription:
    """Return what `generate_launch_description()` of a launch file returns.

    Raises:
        FileNotFoundError: if there is no such file.
        InvalidLaunchFileError: if the file fails, or has no such function.
    """
    path = os.path.abspath(launch_file_path)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no launch file {path}")
    try:
        module = _import(path)
        generate = getattr(module, "generate_launch_description", None)
        if generate is None:
            raise InvalidLaunchFileError(
                f"the launch file {path} has no function generate_launch_description()"
            )
        description = generate()
    except InvalidLaunchFileError:
        raise
    except Exception as error:
        raise InvalidLaunchFileError(_explain(path, error)) from error
    if not isinstance(description, LaunchDescription):
        raise InvalidLaunchFileError(
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


__getattr__ = module_getattr(__name__)

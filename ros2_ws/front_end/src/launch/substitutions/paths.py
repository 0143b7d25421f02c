"""Paths and files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution
from ..utilities import (
    describe_substitutions,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)
from .failure import SubstitutionFailure

if TYPE_CHECKING:
    from ..launch_context import LaunchContext


class PathJoinSubstitution(Substitution):
    """Its parts joined to a path."""

    def __init__(self, substitutions: Iterable[SomeSubstitutionsType], **kwargs: Any) -> None:
        """Create a path from its parts; a part may itself be a list of pieces."""
        super().__init__(**kwargs)
        self._parts = [normalize_to_list_of_substitutions(part) for part in substitutions]

    @property
    def substitutions(self) -> list[list[Substitution]]:
        """The parts."""
        return self._parts

    def describe(self) -> str:
        """Return the parts."""
        parts = " + ".join(describe_substitutions(part) for part in self._parts)
        return f"PathJoin('{parts}')"

    def perform(self, context: LaunchContext) -> str:
        """Return the path."""
        return os.path.join(*(perform_substitutions(context, part) for part in self._parts))


class ThisLaunchFile(Substitution):
    """The path of the launch file that is being visited."""

    def perform(self, context: LaunchContext) -> str:
        """Return its path."""
        return _launch_file_local(context, "current_launch_file_path")


class ThisLaunchFileDir(Substitution):
    """The directory of the launch file that is being visited."""

    def perform(self, context: LaunchContext) -> str:
        """Return its path."""
        return _launch_file_local(context, "current_launch_file_directory")


def _launch_file_local(context: LaunchContext, name: str) -> str:
    path = context.get_locals_as_dict().get(name)
    if path is None:
        raise SubstitutionFailure("this is not within a launch file")
    return str(path)


class _NamedFile(Substitution):
    """Something about a file whose name or path is given."""

    def __init__(self, name: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._name = normalize_to_list_of_substitutions(name)

    def describe(self) -> str:
        """Return the name."""
        return f"{type(self).__name__}({describe_substitutions(self._name)})"


class FindExecutable(_NamedFile):
    """The path of a program that PATH leads to."""

    def __init__(self, *, name: SomeSubstitutionsType, **kwargs: Any) -> None:
        """Create a substitution for the program with this name."""
        super().__init__(name, **kwargs)

    def perform(self, context: LaunchContext) -> str:
        """Return its path.

        Raises:
            SubstitutionFailure: if there is none.
        """
        name = perform_substitutions(context, self._name)
        path = shutil.which(name, path=context.environment.get("PATH"))
        if path is None:
            raise SubstitutionFailure(f"executable '{name}' not found on the PATH")
        return path


class FileContent(_NamedFile):
    """The content of a text file."""

    def __init__(self, path: SomeSubstitutionsType, **kwargs: Any) -> None:
        """Create a substitution for the file at this path."""
        super().__init__(path, **kwargs)

    def perform(self, context: LaunchContext) -> str:
        """Return the content.

        Raises:
            SubstitutionFailure: if it cannot be read.
        """
        path = perform_substitutions(context, self._name)
        try:
            return Path(path).read_text()
        except OSError as error:
            raise SubstitutionFailure(f"cannot read '{path}': {error.strerror}") from error

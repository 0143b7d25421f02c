"""Where packages and their executables are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from launch.substitution import SomeSubstitutionsType, Substitution
from launch.substitutions import SubstitutionFailure
from launch.uncovered import module_getattr
from launch.utilities import (
    describe_substitutions,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

__all__ = [
    "ExecutableInPackage",
    "FindPackageShare",
]


def _prefix_of(package: str) -> str:
    from ament_index_python.packages import PackageNotFoundError, get_package_prefix

    try:
        return str(get_package_prefix(package))
    except (OSError, PackageNotFoundError, ValueError) as error:
        raise SubstitutionFailure(f"package '{package}' not found: {error}") from error


class FindPackageShare(Substitution):
    """The share directory of a package."""

    def __init__(self, package: SomeSubstitutionsType, **kwargs: Any) -> None:
        """Create a substitution for the package with this name."""
        super().__init__(**kwargs)
        self._package = normalize_to_list_of_substitutions(package)

    def describe(self) -> str:
        """Return the name of the package."""
        return f"{type(self).__name__}(pkg={describe_substitutions(self._package)})"

    def perform(self, context: LaunchContext) -> str:
        """Return the path.

        Raises:
            SubstitutionFailure: if there is no such package.
        """
        package = perform_substitutions(context, self._package)
        return os.path.join(_prefix_of(package), "share", package)


class ExecutableInPackage(Substitution):
    """The path of an executable of a package."""

    def __init__(
        self, executable: SomeSubstitutionsType, package: SomeSubstitutionsType, **kwargs: Any
    ) -> None:
        """Create a substitution for this executable of this package."""
        super().__init__(**kwargs)
        self._executable = normalize_to_list_of_substitutions(executable)
        self._package = normalize_to_list_of_substitutions(package)

    def describe(self) -> str:
        """Return the names of both."""
        package = describe_substitutions(self._package)
        return f"ExecInPkg(pkg={package}, exec={describe_substitutions(self._executable)})"

    def perform(self, context: LaunchContext) -> str:
        """Return the path.

        Raises:
            SubstitutionFailure: if there is no such package, or no such executable in it.
        """
        package = perform_substitutions(context, self._package)
        executable = perform_substitutions(context, self._executable)
        directory = os.path.join(_prefix_of(package), "lib", package)
        path = os.path.join(directory, executable)
        if not os.path.isfile(path) or not os.access(path, os.X_OK):
            raise SubstitutionFailure(
                f"executable '{executable}' not found in package '{package}' ({directory})"
            )
        return path


__getattr__ = module_getattr(__name__)

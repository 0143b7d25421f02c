"""Packages and their files, from the ament index."""

from __future__ import annotations

import os

from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_packages_with_prefixes,
)

from .errors import OperatorError, suggest


def prefixes() -> dict[str, str]:
    """Return the prefix of every package.

    Raises:
        OperatorError: if no ROS 2 environment is set up.
    """
    try:
        return dict(get_packages_with_prefixes())
    except OSError:
        raise OperatorError(
            "AMENT_PREFIX_PATH is not set, so no package can be found: "
            "source env.sh (or the setup file of a ROS 2 installation) first"
        ) from None


def prefix_of(package: str) -> str:
    """Return the prefix of a package.

    Raises:
        OperatorError: if there is no such package; it names those with a similar name.
    """
    try:
        return str(get_package_prefix(package))
    except (OSError, PackageNotFoundError, ValueError):
        hint = suggest(package, prefixes(), "packages")
        raise OperatorError(f"Package '{package}' not found. {hint}") from None


def share_of(package: str) -> str:
    """Return the share directory of a package."""
    return os.path.join(prefix_of(package), "share", package)


def executables_of(package: str) -> dict[str, str]:
    """Return the paths of the executables of a package by their names."""
    directory = os.path.join(prefix_of(package), "lib", package)
    if not os.path.isdir(directory):
        return {}
    with os.scandir(directory) as entries:
        return {
            entry.name: entry.path
            for entry in sorted(entries, key=lambda entry: entry.name)
            if entry.is_file() and os.access(entry.path, os.X_OK)
        }


def launch_files_of(package: str) -> dict[str, str]:
    """Return the paths of the Python launch files of a package by their names."""
    found = {}
    for root, _, names in os.walk(share_of(package)):
        found.update({name: os.path.join(root, name) for name in sorted(names)})
    return {name: path for name, path in found.items() if name.endswith("launch.py")}

"""How the front end refuses what it does not cover: with an error that names it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

_ADVICE = "is not covered by this project's launch front end; use a full ROS 2 installation"


class UncoveredApiError(ImportError):
    """A name of the launch API that this front end does not supply was asked for."""


def describe_uncovered(name: str) -> str:
    """Return the sentence that says that `name` is not covered."""
    return f"{name} {_ADVICE}"


def module_getattr(module: str) -> Callable[[str], Any]:
    """Return a module `__getattr__` that names what `module` does not cover."""

    def missing(name: str) -> Any:
        # Dunder names are probed by the import system, submodules are about to be imported:
        # both have to look merely absent.
        probed = name.startswith("__") or importlib.util.find_spec(f"{module}.{name}")
        if probed:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        raise UncoveredApiError(describe_uncovered(f"{module}.{name}"))

    return missing


def plain_module_getattr(module: str) -> Callable[[str], Any]:
    """Return the same for a module without submodules."""

    def missing(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        raise UncoveredApiError(describe_uncovered(f"{module}.{name}"))

    return missing


def reject_arguments(owner: object, arguments: Mapping[str, Any]) -> None:
    """Raise TypeError naming the keyword arguments of `owner`'s class that are left over."""
    if not arguments:
        return
    cls = type(owner)
    package = ".".join(cls.__module__.split(".")[:2])
    given = ", ".join(f"{name}=..." for name in arguments)
    raise TypeError(describe_uncovered(f"{package}.{cls.__name__}({given})"))

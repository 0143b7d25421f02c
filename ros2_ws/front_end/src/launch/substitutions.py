"""Substitutions: text that is looked up or computed once the launch runs."""

from __future__ import annotations

import importlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .logging import get_logger
from .substitution import SomeSubstitutionsType, Substitution, TextSubstitution
from .uncovered import module_getattr
from .utilities import (
    describe_substitutions,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

if TYPE_CHECKING:
    from .launch_context import LaunchContext

__all__ = [
    "Command",
    "EnvironmentVariable",
    "FindExecutable",
    "LaunchConfiguration",
    "PathJoinSubstitution",
    "PythonExpression",
    "SubstitutionFailure",
    "TextSubstitution",
    "ThisLaunchFile",
    "ThisLaunchFileDir",
]

_ON_STDERR = ("fail", "ignore", "warn", "capture")


class SubstitutionFailure(RuntimeError):
    """A substitution cannot be performed."""


class _LookUp(Substitution):
    """A value looked up by a name, with an optional default."""

    _label: str
    _kind: str

    def __init__(self, name: SomeSubstitutionsType, default: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._name = normalize_to_list_of_substitutions(name)
        self._default = None if default is None else _default_substitutions(default)

    def describe(self) -> str:
        """Return the name, quoted."""
        return f"{self._label}({describe_substitutions(self._name)})"

    def _values(self, context: LaunchContext) -> Any:
        raise NotImplementedError

    def perform(self, context: LaunchContext) -> str:
        """Return the value, or the default.

        Raises:
            SubstitutionFailure: if there is neither.
        """
        name = perform_substitutions(context, self._name)
        values = self._values(context)
        if name in values:
            return str(values[name])
        if self._default is None:
            raise SubstitutionFailure(f"{self._kind} '{name}' is not set")
        return perform_substitutions(context, self._default)


def _default_substitutions(default: Any) -> list[Substitution]:
    """Return the default as substitutions; numbers and truth values are taken as their text."""
    items = default if isinstance(default, (list, tuple)) else [default]
    texts = [item if isinstance(item, Substitution) else str(item) for item in items]
    return normalize_to_list_of_substitutions(texts)


class LaunchConfiguration(_LookUp):
    """The value of a launch configuration."""

    _label = "LaunchConfig"
    _kind = "launch configuration"

    def __init__(
        self, variable_name: SomeSubstitutionsType, *, default: Any = None, **kwargs: Any
    ) -> None:
        """Create a substitution for the launch configuration with this name."""
        super().__init__(variable_name, default, **kwargs)

    @property
    def variable_name(self) -> list[Substitution]:
        """The name of the launch configuration."""
        return self._name

    def _values(self, context: LaunchContext) -> Any:
        return context.launch_configurations


class EnvironmentVariable(_LookUp):
    """The value of an environment variable."""

    _label = "EnvVar"
    _kind = "environment variable"

    def __init__(
        self,
        name: SomeSubstitutionsType,
        *,
        default_value: SomeSubstitutionsType | None = None,
        **kwargs: Any,
    ) -> None:
        """Create a substitution for the environment variable with this name."""
        super().__init__(name, default_value, **kwargs)

    @property
    def name(self) -> list[Substitution]:
        """The name of the variable."""
        return self._name

    def _values(self, context: LaunchContext) -> Any:
        return context.environment


class PathJoinSubstitution(Substitution):
    """Its parts joined to a path."""

    def __init__(self, substitutions: Iterable[SomeSubstitutionsType], **kwargs: Any) -> None:
        """Create a path from its parts; a part may itself be a list of pieces."""
        super().__init__(**kwargs)
        self._parts = [normalize_to_list_of_substitutions(part) for part in substitutions]

    def describe(self) -> str:
        """Return the parts."""
        parts = " + ".join(describe_substitutions(part) for part in self._parts)
        return f"PathJoin('{parts}')"

    def perform(self, context: LaunchContext) -> str:
        """Return the path."""
        return os.path.join(*(perform_substitutions(context, part) for part in self._parts))


class ThisLaunchFile(Substitution):
    """The path of the launch file that is being visited."""

    _local = "current_launch_file_path"

    def perform(self, context: LaunchContext) -> str:
        """Return the path.

        Raises:
            SubstitutionFailure: outside of launch files.
        """
        path = context.get_locals_as_dict().get(self._local)
        if path is None:
            raise SubstitutionFailure("this is not within a launch file")
        return str(path)


class ThisLaunchFileDir(ThisLaunchFile):
    """The directory of the launch file that is being visited."""

    _local = "current_launch_file_directory"


class FindExecutable(Substitution):
    """The path of a program that PATH leads to."""

    def __init__(self, *, name: SomeSubstitutionsType, **kwargs: Any) -> None:
        """Create a substitution for the program with this name."""
        super().__init__(**kwargs)
        self._name = normalize_to_list_of_substitutions(name)

    def describe(self) -> str:
        """Return the name."""
        return f"FindExecutable({describe_substitutions(self._name)})"

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


class PythonExpression(Substitution):
    """The value of a Python expression."""

    def __init__(
        self,
        expression: SomeSubstitutionsType,
        python_modules: Iterable[Any] = ("math",),
        **kwargs: Any,
    ) -> None:
        """Create the expression; the names in `math` may be used without their module."""
        super().__init__(**kwargs)
        self._expression = normalize_to_list_of_substitutions(expression)
        self._modules = normalize_to_list_of_substitutions(python_modules)

    def describe(self) -> str:
        """Return the expression and its modules."""
        modules = ", ".join(module.describe() for module in self._modules)
        return f"PythonExpr({describe_substitutions(self._expression)}, [{modules}])"

    def perform(self, context: LaunchContext) -> str:
        """Return the value as text.

        Raises:
            SubstitutionFailure: if the expression fails.
        """
        names: dict[str, Any] = {}
        for module_name in self._modules:
            module = importlib.import_module(module_name.perform(context))
            if module.__name__ == "math":
                names.update(vars(module))
            names[module.__name__] = module
        expression = perform_substitutions(context, self._expression)
        try:
            # Launch files are programs; an expression in one is trusted like the file itself.
            return str(eval(expression, {}, names))
        except Exception as error:
            raise SubstitutionFailure(f"in the expression {expression!r}: {error}") from error


class Command(Substitution):
    """What a command prints."""

    def __init__(
        self,
        command: SomeSubstitutionsType,
        *,
        on_stderr: SomeSubstitutionsType = "fail",
        **kwargs: Any,
    ) -> None:
        """Create the command line; `on_stderr` is one of fail, ignore, warn and capture."""
        super().__init__(**kwargs)
        self._command = normalize_to_list_of_substitutions(command)
        self._on_stderr = normalize_to_list_of_substitutions(on_stderr)

    def describe(self) -> str:
        """Return the command line."""
        return f"Command({describe_substitutions(self._command)})"

    def perform(self, context: LaunchContext) -> str:
        """Run the command.

        Raises:
            SubstitutionFailure: if it fails, or prints errors that are not expected.
        """
        line = perform_substitutions(context, self._command)
        on_stderr = perform_substitutions(context, self._on_stderr)
        if on_stderr not in _ON_STDERR:
            valid = ", ".join(_ON_STDERR)
            raise SubstitutionFailure(f"on_stderr={on_stderr!r} is not one of: {valid}")
        stderr = subprocess.STDOUT if on_stderr == "capture" else subprocess.PIPE
        try:
            done = subprocess.run(
                shlex.split(line), stdout=subprocess.PIPE, stderr=stderr, text=True, check=False
            )
        except OSError as error:
            raise SubstitutionFailure(f"cannot run the command '{line}': {error}") from error
        if done.returncode != 0:
            raise SubstitutionFailure(
                f"the command '{line}' failed with exit code {done.returncode}: {done.stderr or ''}"
            )
        if done.stderr:
            message = f"the command '{line}' printed on stderr: {done.stderr}"
            if on_stderr == "fail":
                raise SubstitutionFailure(message)
            if on_stderr == "warn":
                get_logger("launch").warning("%s", message)
        return done.stdout


__getattr__ = module_getattr(__name__)

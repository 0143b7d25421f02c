"""Text from Python expressions and from commands."""

from __future__ import annotations

import importlib
import shlex
import subprocess
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..logging import get_logger
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

_ON_STDERR = ("fail", "ignore", "warn", "capture")


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

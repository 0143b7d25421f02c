"""ros2 run."""

from __future__ import annotations

import argparse
import os
import shlex

from ..errors import OperatorError
from ..packages import executables_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `ros2 run` takes."""
    parser.add_argument("--prefix", default="", help="words to put in front of the command")
    parser.add_argument("package", help="package of the executable")
    parser.add_argument("executable", help="name of the executable")
    parser.add_argument("argv", nargs=argparse.REMAINDER, help="arguments for the executable")
    parser.set_defaults(call=_run)


def _run(options: argparse.Namespace) -> int:
    executables = executables_of(options.package)
    path = executables.get(options.executable)
    if path is None:
        there = ", ".join(executables) or "none"
        raise OperatorError(
            f"No executable '{options.executable}' in package '{options.package}'. "
            f"Executables there: {there}"
        )
    command = [*shlex.split(options.prefix), path, *options.argv]
    # The executable takes the place of this command: signals and exit code are its own.
    try:
        os.execvp(command[0], command)
    except OSError as error:
        raise OperatorError(f"cannot run {command[0]}: {error.strerror}") from error

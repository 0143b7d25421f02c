"""Entry point of the ros2 command."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from launch.uncovered import describe_uncovered

from .errors import OperatorError

# Every command is a module with `add_arguments(parser)`; the function that a verb's parser sets
# as `call` does the work. Modules are imported only for the command that is asked for.
_COMMANDS = {
    "interface": "show message, service and action definitions",
    "launch": "run a launch file",
    "lifecycle": "see and change the state of lifecycle nodes",
    "node": "see nodes",
    "param": "see and set parameters",
    "pkg": "see packages",
    "run": "run an executable of a package",
    "service": "see and call services",
    "topic": "see, measure and publish topics",
}


class _Parser(argparse.ArgumentParser):
    """Keeps its errors to the usage and one line."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {message}\n")


def main() -> NoReturn:
    """Run upstream's ros2 command if there is one, else this one."""
    if importlib.util.find_spec("ros2cli") is not None:
        sys.exit(importlib.import_module("ros2cli.cli").main())
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    _find_wheel_packages()
    try:
        return _dispatch(arguments)
    except OperatorError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read the output has seen enough; keep Python from failing on it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0


def _find_wheel_packages() -> None:
    """Make the packages installed beside this command known where nothing has been sourced."""
    if os.path.isdir(os.path.join(sys.prefix, "share", "ament_index")):
        os.environ.setdefault("AMENT_PREFIX_PATH", sys.prefix)


def _dispatch(arguments: Sequence[str]) -> int:
    parser = _Parser(
        prog="ros2",
        description="ros2 command of this project's launch front end, for ROS 2 from wheels",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="commands:\n" + "\n".join(f"  {n:<10} {h}" for n, h in _COMMANDS.items()),
        usage="ros2 [-h] <command> ...",
    )
    parser.add_argument("command", nargs="?", help=argparse.SUPPRESS)
    known, _ = parser.parse_known_args(arguments[:1])
    if known.command is None:
        parser.print_help()
        return 0
    if known.command not in _COMMANDS:
        raise OperatorError(
            f"{describe_uncovered('ros2 ' + known.command)}. Covered: {', '.join(_COMMANDS)}"
        )
    module = _load(known.command)
    command_parser = _Parser(prog=f"ros2 {known.command}", description=_COMMANDS[known.command])
    module.add_arguments(command_parser)
    _check_verb(known.command, command_parser, arguments[1:])
    if known.command == "launch":  # launch arguments may stand before and behind options
        options = command_parser.parse_intermixed_args(arguments[1:])
    else:
        options = command_parser.parse_args(arguments[1:])
    if not hasattr(options, "call"):
        command_parser.print_help()
        return 0
    result: int | None = options.call(options)
    return result or 0


def _load(command: str) -> ModuleType:
    try:
        return importlib.import_module(f"vega_ros2_cli.commands.{command}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("vega_ros2_cli"):
            raise
        raise OperatorError(
            f"ros2 {command} needs the Python package '{error.name}', which is not installed for "
            f"{sys.executable}; run the set-up of this repository again"
        ) from error


def _check_verb(command: str, parser: argparse.ArgumentParser, rest: Sequence[str]) -> None:
    verbs: Sequence[str] = ()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            verbs = list(action.choices)
    if verbs and rest and not rest[0].startswith("-") and rest[0] not in verbs:
        raise OperatorError(
            f"{describe_uncovered(f'ros2 {command} {rest[0]}')}. Covered: {', '.join(verbs)}"
        )

"""ros2 launch."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable

from launch import InvalidLaunchFileError, LaunchDescription, LaunchService
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import AnyLaunchDescriptionSource
from launch.logging import get_logger, launch_config
from launch.utilities import describe_substitutions

from ..errors import OperatorError, suggest

# Launch configurations that mean something without being declared.
_WELL_KNOWN = {
    "emulate_tty",
    "launch-prefix",
    "launch-prefix-filter",
    "sigkill_timeout",
    "sigterm_timeout",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `ros2 launch` takes."""
    parser.add_argument("package_or_file", help="package of the launch file, or its path")
    parser.add_argument(
        "rest",
        nargs="*",
        metavar="launch_file_name | name:=value",
        help="name of the launch file in the package, then launch arguments",
    )
    parser.add_argument(
        "-s",
        "--show-args",
        "--show-arguments",
        action="store_true",
        help="show the launch arguments instead of launching",
    )
    parser.add_argument(
        "-n",
        "--noninteractive",
        action="store_true",
        default=not sys.stdin.isatty(),
        help="there is no terminal",
    )
    parser.add_argument("-d", "--debug", action="store_true", help="log more, with tracebacks")
    parser.add_argument(
        "-a",
        "--show-all-subprocesses-output",
        action="store_true",
        help="show the output of all processes, whatever the launch file says",
    )
    parser.add_argument("--launch-prefix", help="words to put in front of every command")
    parser.add_argument(
        "--launch-prefix-filter", help="regular expression for the executables that get them"
    )
    parser.set_defaults(call=_launch)


def _launch(options: argparse.Namespace) -> int:
    path, given = _find_launch_file(options.package_or_file, options.rest)
    arguments = _parse_launch_arguments(given)
    if options.launch_prefix is not None:
        arguments["launch-prefix"] = options.launch_prefix
    if options.launch_prefix_filter is not None:
        if options.launch_prefix is None:
            raise OperatorError("--launch-prefix-filter needs --launch-prefix")
        arguments["launch-prefix-filter"] = options.launch_prefix_filter
    if options.show_all_subprocesses_output:
        os.environ["OVERRIDE_LAUNCH_PROCESS_OUTPUT"] = "both"
    source = AnyLaunchDescriptionSource(path)
    if options.show_args:
        try:
            description = source.try_get_launch_description_without_context()
        except InvalidLaunchFileError as error:
            raise OperatorError(str(error)) from error
        assert description is not None  # the path is plain text
        _print_arguments(description.get_launch_arguments())
        return 0
    service = LaunchService(argv=given, debug=options.debug)
    include = IncludeLaunchDescription(source, launch_arguments=arguments.items())
    service.include_launch_description(LaunchDescription([include]))
    try:
        _make_log_dir()
        _warn_of_undeclared(source, arguments)
        return service.run()
    except OSError as error:
        raise OperatorError(f"cannot launch: {error}") from error


def _make_log_dir() -> None:
    try:
        launch_config.log_dir  # noqa: B018 - asking for it makes it
    except OSError as error:
        raise OperatorError(
            f"{error.filename}: logs cannot be written there ({error.strerror}); "
            "export ROS_LOG_DIR=a folder that can be"
        ) from error


def _find_launch_file(package_or_file: str, rest: list[str]) -> tuple[str, list[str]]:
    """Return the path of the launch file, and the launch arguments."""
    if os.path.isfile(package_or_file):
        return package_or_file, rest
    if os.sep in package_or_file or package_or_file.endswith(".py"):
        raise OperatorError(f"there is no launch file {package_or_file}")
    from ..packages import launch_files_of, share_of

    share = share_of(package_or_file)
    files = launch_files_of(package_or_file)
    has_launch_file = bool(rest) and ":=" not in rest[0]
    name = rest[0] if has_launch_file else None
    if name is None or name not in files:
        asked = "no launch file given" if name is None else f"launch file '{name}' not found"
        there = ", ".join(sorted(files)) or "none"
        raise OperatorError(
            f"{asked} for package '{package_or_file}' ({share}). Launch files there: {there}"
        )
    return files[name], rest[1:]


def _parse_launch_arguments(given: Iterable[str]) -> dict[str, str]:
    arguments = {}
    for argument in given:
        name, separator, value = argument.partition(":=")
        if not separator or not name:
            raise OperatorError(
                f"malformed launch argument '{argument}', expected format '<name>:=<value>'"
            )
        arguments[name] = value
    return arguments


def _print_arguments(arguments: list[DeclareLaunchArgument]) -> None:
    print("Arguments (pass arguments as '<name>:=<value>'):")
    for argument in arguments:
        mark = "*" if argument.conditionally_included else ""
        print(f"\n    '{argument.name}':{mark}\n        {argument.description}")
        if argument.default_value is not None:
            print(f"        (default: {describe_substitutions(argument.default_value)})")
    if not arguments:
        print("\n  No arguments.")
    if any(argument.conditionally_included for argument in arguments):
        print("\n* argument(s) which are only used if specific conditions occur")


def _warn_of_undeclared(source: AnyLaunchDescriptionSource, arguments: dict[str, str]) -> None:
    """Warn of arguments the launch file does not declare: they are often misspelt."""
    try:
        description = source.try_get_launch_description_without_context()
    except (InvalidLaunchFileError, OSError):
        return  # the launch itself reports it
    assert description is not None
    declared = {argument.name for argument in description.get_launch_arguments()}
    for name in sorted(set(arguments) - declared - _WELL_KNOWN):
        hint = suggest(name, declared, "launch arguments")
        get_logger("launch").warning("launch argument '%s' is not declared. %s", name, hint)

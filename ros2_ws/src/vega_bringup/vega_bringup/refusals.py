"""What launch files refuse before any node starts, each with one sentence."""

from __future__ import annotations

import difflib
import re
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from launch import Action, LaunchContext
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, TextSubstitution
from vega_runtime import surroundings

import hw_config
from vega_bringup.hardware import missing_hardware
from vega_policy import device
from vega_policy.contract import FILE_NAME, PolicyContract
from vega_policy.errors import PolicyError
from vega_policy.kinds import load_contract

Problem = Callable[[LaunchContext], "str | None"]

# What `ros2 launch` and its actions take without any declaration.
_OF_LAUNCH = (
    *("emulate_tty", "launch-prefix", "launch-prefix-filter"),
    *("sigkill_timeout", "sigterm_timeout"),
)
_NAME = "[A-Za-z_][A-Za-z0-9_]*"
MOST = 2**31 - 1
LONGEST_LOAD_S = 3600

_held: dict[str, socket.socket] = {}


def given(context: LaunchContext, name: str) -> str:
    """The value of a launch argument."""
    return str(LaunchConfiguration(name).perform(context))


def refuse_if(*problems: Problem) -> list[Action]:
    """Refuses to launch with the first sentence that one of these has; put it before the nodes."""

    def refuse(context: LaunchContext) -> None:
        for problem_of in problems:
            if problem := problem_of(context):
                raise RuntimeError(problem)

    return [OpaqueFunction(function=refuse)]


def only_these(
    file: str, arguments: Sequence[DeclareLaunchArgument], free_text: Sequence[str] = ()
) -> list[Action]:
    """Declares the arguments of a launch file, and refuses all others on its command line.

    A launch would silently ignore what is not declared, and of two values take the last one. Where
    a launch file of somebody else includes this one, the command line is that one's affair.

    Args:
        file: Name of the launch file.
        arguments: All that it has.
        free_text: Those that are words of people, with whatever their terminal makes of them.
    """

    def problem(context: LaunchContext) -> str | None:
        if not any(Path(word).name == file for word in sys.argv):
            return None
        return _misused(file, context.argv, {a.name: a for a in arguments}, free_text)

    return [*refuse_if(problem), *arguments]


def _misused(
    file: str,
    words: Sequence[str],
    known: dict[str, DeclareLaunchArgument],
    free_text: Sequence[str],
) -> str | None:
    pairs = [word.partition(":=") for word in words]
    names = [name for name, _, _ in pairs]
    for name, _, value in pairs:
        if name in _OF_LAUNCH:
            continue
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f" did you mean {near[0]}:=...?" if near else ""
            there = ", ".join(known)
            return f"{name}:=...: there is no such argument;{meant} {file} takes {there}"
        if names.count(name) > 1:
            return f"{name}:=... is given {names.count(name)} times: give it once"
        if not value and not _may_be_empty(known[name]):
            return f"{name}:= has no value: give one, or leave it out"
        if name not in free_text and not _is_unicode(value):
            return f"{name}:={value!r}: these bytes are no UTF-8; give it in UTF-8"
    return None


def _may_be_empty(argument: DeclareLaunchArgument) -> bool:
    default = argument.default_value or []
    return all(isinstance(part, TextSubstitution) and not part.text for part in default)


def _is_unicode(text: str) -> bool:
    return readable(text) == text


def readable(text: str) -> str:
    """The words of a person whose terminal does not speak UTF-8, as that person sees them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")
    return text


def robot_problems(*more: Problem) -> list[Problem]:
    """What keeps a robot from coming up.

    Args:
        more: What else a launch file refuses; what is plugged in and runs is looked at after it.
    """
    return [
        lambda context: surroundings.domain_problem(),
        namespace_problem,
        whole_number_problem("seed", 0, MOST),
        cell_problem,
        *more,
        hardware_problem,
        second_stack,
    ]


def namespace_problem(context: LaunchContext) -> str | None:
    """What is wrong with the argument `namespace`, if anything."""
    namespace = given(context, "namespace")
    if re.fullmatch(f"/?|/?{_NAME}(/{_NAME})*", namespace):
        return None
    return (
        f"namespace:={namespace}: expected names of letters, digits and _, which do not begin with "
        "a digit, with / between them"
    )


def cell_problem(context: LaunchContext) -> str | None:
    """What is wrong with hw_config, so that no node starts with it."""
    try:
        hw_config.load()
        hw_config.load_task(given(context, "task"))
    except hw_config.ConfigError as error:
        return str(error)
    return None


def hardware_problem(context: LaunchContext) -> str | None:
    """Which part of the real robot is not plugged in, if it is the real robot that is asked for."""
    if given(context, "robot") != "real":
        return None
    return missing_hardware(hw_config.load())


def second_stack(context: LaunchContext) -> str | None:
    """Whether another stack runs on this machine in this ROS domain.

    Two would share topics, services and the clock. The name of an abstract socket is held until
    this process is gone, whatever ends it.
    """
    domain = surroundings.domain()
    if domain in _held:
        return None
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        holder.bind(f"\0vega-stack-{domain}")
    except OSError:
        holder.close()
        return (
            f"another launch runs in ROS domain {domain} of this machine: end it first, or set "
            "another ROS_DOMAIN_ID"
        )
    _held[domain] = holder
    return None


def whole_number_problem(argument: str, low: int, high: int) -> Problem:
    """Tells what is wrong with an argument that has to be a whole number, if anything."""

    def problem(context: LaunchContext) -> str | None:
        value = given(context, argument)
        if re.fullmatch("[0-9]+", value) and low <= int(value) <= high:
            return None
        return f"{argument}:={value}: expected a whole number from {low} to {high}"

    return problem


def as_path(text: str) -> Path:
    """A path as a person gives it: from here on, `~` is home."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:  # there is no such user
        return Path(text).absolute()


def policy_problem(argument: str, text: str) -> str | None:
    """Why a policy cannot run on this robot, as far as can be told without loading its model."""
    folder = as_path(text)
    if not (folder / FILE_NAME).is_file():
        lacking = "" if folder.exists() else "; there is no such folder"
        here = Path(text.lstrip("/"))
        if text.startswith("/") and (here / FILE_NAME).is_file():
            lacking += f", but {here} is one: did you mean {argument}:={here}?"
        expected = f"expected a folder with a {FILE_NAME}, as training writes it"
        return f"{argument}:={folder}: {expected}{lacking}"
    try:
        contract = load_contract(folder)
        contract.check_against(hw_config.load())
    except PolicyError as error:
        return f"{argument}:={folder}: {error}"
    if contract.weights and not any(folder.glob(contract.weights)):
        return f"{argument}:={folder}: it has no weights ({contract.weights}): copy the whole one"
    return None


def device_problem(contracts: Callable[[LaunchContext], Sequence[PolicyContract]]) -> Problem:
    """Tells why the policies cannot run on the argument `device`; a GPU is asked for itself."""

    def problem(context: LaunchContext) -> str | None:
        word = given(context, "device")
        if any(contract.takes_device for contract in contracts(context)):
            return device.problem(word)
        try:
            device.check_word(word)
        except device.DeviceError as error:
            return str(error)
        return None

    return problem

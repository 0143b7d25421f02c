"""What the launch files share: arguments, nodes as this stack runs them, and what ends a launch."""

from __future__ import annotations

import difflib
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ament_index_python.packages import get_package_share_directory
from launch import Action, LaunchContext, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    Shutdown,
    TimerAction,
)
from launch.conditions import IfCondition
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitution import Substitution
from launch.substitutions import EnvironmentVariable, LaunchConfiguration, PythonExpression
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue
from vega_runtime.launched import LAUNCH_PID

import hw_config
from vega_bringup.hardware import missing_hardware
from vega_bringup.stop_kept import once_stop_is_left

ROBOTS = ("sim", "emulated", "real")
SESSION_ARGUMENTS = ("operator", "episodes", "dataset", "view")
EVAL_ARGUMENTS = ("policies", "trials", "judge", "lighting", "stop_early")
LOG_LEVELS = ("debug", "info", "warn", "error")
# The table of the twin's hard variant stands this much lower than hw_config says, at most (m).
_HARD_FLOOR_DROP_M = 0.03
# Wall time until everything goes down: the last chunk ends and the gate brings the arms to rest.
_HOLD_S = 2.0

_held: dict[str, socket.socket] = {}

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "task": {
        "default_value": "close_laptop",
        "choices": hw_config.task_names(),
        "description": "what the robot is to do (hw_config/tasks)",
    },
    "robot": {
        "default_value": "sim",
        "choices": list(ROBOTS),
        "description": "what stands behind the topics: the twin, emulated hardware or the robot",
    },
    "variant": {
        "default_value": "easy",
        "choices": ["easy", "hard"],
        "description": "of the twin's scene; hard adds clutter, textures, light and table height",
    },
    "seed": {"default_value": "0", "description": "of the twin's placements, 0 or more"},
    "gate": {
        "default_value": "true",
        "choices": ["true", "false"],
        "description": "whether this stack commands the arms; otherwise it only listens to them",
    },
    "leaders": {
        "default_value": "none",
        "choices": ["none", "scripted", "keyboard"],
        "description": "who moves the leader arms of the twin; none: it has no leader arms",
    },
    "namespace": {"default_value": "", "description": "put in front of every node and topic"},
    "log_level": {
        "default_value": "info",
        "choices": list(LOG_LEVELS),
        "description": "what the nodes log at least",
    },
}


def declare(*names: str) -> list[DeclareLaunchArgument]:
    """Declarations of arguments that several launch files have."""
    return [DeclareLaunchArgument(name, **_ARGUMENTS[name]) for name in names]


def include(file: str, *arguments: str) -> IncludeLaunchDescription:
    """Includes a launch file of this package, with the named arguments handed on."""
    path = os.path.join(get_package_share_directory("vega_bringup"), "launch", file)
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(path),
        launch_arguments=[(name, LaunchConfiguration(name)) for name in arguments],
    )


def stack_node(
    package: str,
    name: str,
    parameters: dict[str, Any],
    executable: str | None = None,
    robots: Sequence[str] = ROBOTS,
    only_if: Substitution | None = None,
) -> Node:
    """A node of the stack, with its settings from params/stack.yaml and those of the robot.

    Args:
        package: where its executable is.
        name: of the node.
        parameters: on top of those in the files.
        executable: `<name>_node` unless named.
        robots: values of the argument `robot` with which it runs.
        only_if: what has to be `true` for it to run.
    """
    robot = LaunchConfiguration("robot")
    condition: list[str | Substitution] = ["'", robot, f"' in {tuple(robots)!r}"]
    if only_if is not None:
        condition += [" and '", only_if, "' == 'true'"]
    folder = os.path.join(get_package_share_directory("vega_bringup"), "params")
    return Node(
        package=package,
        executable=executable or f"{name}_node",
        name=name,
        parameters=[
            os.path.join(folder, "stack.yaml"),
            ParameterFile([folder, "/", robot, ".yaml"]),
            parameters,
        ],
        arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
        output="both",
        condition=IfCondition(PythonExpression(condition)),
    )


def text(name: str) -> ParameterValue:
    """An argument as a text, whatever it looks like: 42 may be a name."""
    return ParameterValue(LaunchConfiguration(name), value_type=str)


def floor_drop() -> ParameterValue:
    """How much lower the table may be than hw_config says (m): the twin's hard variant varies it.

    Behind robot:=real stands no twin, so that `variant` changes nothing there.
    """
    robot, variant = LaunchConfiguration("robot"), LaunchConfiguration("variant")
    lowered = f"{_HARD_FLOOR_DROP_M} if '"
    drop_m = PythonExpression(
        [lowered, robot, "' != 'real' and '", variant, "' == 'hard' else 0.0"]
    )
    return ParameterValue(drop_m, value_type=float)


def environment() -> list[Action]:
    """Shared memory that camera frames fit in, processes that leave each other a core, and the
    launch that they end with.
    """
    profile = os.path.join(
        get_package_share_directory("vega_runtime"), "config", "fastdds_loopback.xml"
    )
    defaults = {"FASTRTPS_DEFAULT_PROFILES_FILE": profile, "OMP_NUM_THREADS": "1"}
    return [
        SetEnvironmentVariable(LAUNCH_PID, str(os.getpid())),
        *(
            SetEnvironmentVariable(name, EnvironmentVariable(name, default_value=value))
            for name, value in defaults.items()
        ),
    ]


def log_to(folder: LaunchConfiguration) -> list[Action]:
    """Makes the run's folder and has the nodes log to `logs/` in it."""

    def output_problem(context: LaunchContext) -> str | None:
        path = Path(folder.perform(context), "logs")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return (
                f"output:={path.parent}: cannot be written ({error.strerror}); name another folder"
            )
        return None

    return [
        refuse_if(output_problem),
        SetEnvironmentVariable("ROS_LOG_DIR", [folder, "/logs"]),
    ]


def require(node: Node, means: str, uses_robot: bool = False) -> RegisterEventHandler:
    """Ends the launch, with an error, when a node dies; the gate gets 2 s to hold first.

    Args:
        node: the node.
        means: what its death means, for people.
        uses_robot: it is no part of the robot: an emergency stop can be left without it, and is
            left before the launch ends.
    """

    def on_exit(event: ProcessExited, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        if context.is_shutdown or event.returncode == 0:
            return []
        text = f"{event.process_name} died (exit code {event.returncode}): {means}"
        end = once_stop_is_left(_fail(text)) if uses_robot else _fail(text)
        return [TimerAction(period=_HOLD_S, actions=[end])]

    return RegisterEventHandler(OnProcessExit(target_action=node, on_exit=on_exit))


def end_with(node: Node, failed: str) -> RegisterEventHandler:
    """Ends the launch when a node ends; with the error `failed` if its exit code is not 0.

    With an emergency stop latched, also one that is pressed just after the node has failed, it ends
    only once that is left: the gate holds it.
    """

    def on_exit(event: ProcessExited, context: LaunchContext) -> Sequence[LaunchDescriptionEntity]:
        if context.is_shutdown:
            return []
        if event.returncode == 0:
            return [once_stop_is_left(Shutdown(reason="the work is done"))]
        return [TimerAction(period=_HOLD_S, actions=[once_stop_is_left(_fail(failed))])]

    return RegisterEventHandler(OnProcessExit(target_action=node, on_exit=on_exit))


def _fail(text: str) -> OpaqueFunction:
    def fail(context: LaunchContext) -> None:
        # The way, with every launch front end, to an exit code other than 0.
        raise RuntimeError(text)

    return OpaqueFunction(function=fail)


def misspelt_argument(context: LaunchContext) -> str | None:
    """Which argument is not declared but almost is: a launch would silently ignore it."""
    known = ("checkpoint", "output", "idle", *SESSION_ARGUMENTS, *EVAL_ARGUMENTS, *_ARGUMENTS)
    for given in context.launch_configurations:
        near = difflib.get_close_matches(given, known, n=1)
        if given not in known and near:
            return f"{given}:=...: there is no such argument; did you mean {near[0]}:=...?"
    return None


def cell_problem(context: LaunchContext) -> str | None:
    """What is wrong with hw_config, so that no node starts with it."""
    try:
        hw_config.load()
        hw_config.load_task(LaunchConfiguration("task").perform(context))
    except hw_config.ConfigError as error:
        return str(error)
    return None


def arms_with_leader_bus() -> list[str]:
    """Arms whose leader has a bus of its own; none in a broken cell, which `cell_problem` tells."""
    try:
        arms = hw_config.load().arms
    except hw_config.ConfigError:
        return []
    return [name for name, arm in arms.items() if arm.leader_can]


def session_work() -> list[str]:
    """Nodes of a recording session that use the robot, in order; see the manager's `work`.

    On a bus that they share with their leaders the arms obey them: nobody else may command them.
    """
    return ["gate", "recorder"] if arms_with_leader_bus() else ["recorder"]


def hardware_problem(context: LaunchContext) -> str | None:
    """Which part of the real robot is not plugged in, if it is the real robot that is asked for."""
    if LaunchConfiguration("robot").perform(context) != "real":
        return None
    return missing_hardware(hw_config.load())


def second_stack(context: LaunchContext) -> str | None:
    """Whether another stack runs on this machine in this ROS domain.

    Two would share topics, services and the clock. The name of an abstract socket is held until
    this process is gone, whatever ends it.
    """
    domain = os.environ.get("ROS_DOMAIN_ID") or "0"
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


def seed_problem(context: LaunchContext) -> str | None:
    """What is wrong with the argument `seed`, if anything."""
    seed = LaunchConfiguration("seed").perform(context)
    return None if seed.isdecimal() else f"seed:={seed}: expected a whole number, 0 or more"


def checkpoint_problem(context: LaunchContext) -> str | None:
    """What is wrong with the argument `checkpoint`, as far as can be seen without loading it."""
    return policy_problem("checkpoint", Path(LaunchConfiguration("checkpoint").perform(context)))


def policy_problem(argument: str, folder: Path) -> str | None:
    """What is wrong with the folder of a policy, as far as can be seen without loading it."""
    if (folder / "policy.yaml").is_file():
        return None
    return f"{argument}:={folder}: expected a folder with a policy.yaml, as training writes it"


def shipped_policy() -> Path:
    """The policy that comes with the project, trained in the twin."""
    return Path(hw_config.__file__).resolve().parents[1] / "models" / "twin"


def whole_number_problem(
    argument: str, low: int, high: int
) -> Callable[[LaunchContext], str | None]:
    """Tells what is wrong with an argument that has to be a whole number, if anything."""

    def problem(context: LaunchContext) -> str | None:
        given = str(LaunchConfiguration(argument).perform(context))
        if given.isdecimal() and low <= int(given) <= high:
            return None
        return f"{argument}:={given}: expected a whole number from {low} to {high}"

    return problem


def refuse_if(problem_of: Callable[[LaunchContext], str | None]) -> OpaqueFunction:
    """Refuses to launch with the sentence that `problem_of` returns; put it before the nodes."""

    def refuse(context: LaunchContext) -> None:
        problem = problem_of(context)
        if problem:
            raise RuntimeError(problem)

    return OpaqueFunction(function=refuse)

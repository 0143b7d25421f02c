"""What the launch files share: arguments, nodes as this stack runs them, and what ends a launch."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
from collections.abc import Sequence
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
from vega_bringup.refusals import as_path, given, refuse_if
from vega_bringup.stop_kept import once_stop_is_left
from vega_policy.device import WORDS

ROBOTS = ("sim", "emulated", "real")
LOG_LEVELS = ("debug", "info", "warn", "error")
# The table of the twin's hard variant stands this much lower than hw_config says, at most (m).
_HARD_FLOOR_DROP_M = 0.03
# Wall time until everything goes down: the last chunk ends and the gate brings the arms to rest.
_HOLD_S = 2.0
REFUSED = 2
"""Exit code of a node that refuses what it was asked for, before it has done anything."""

_made: list[Path] = []

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
    "device": {
        "default_value": "cpu",
        "description": f"where the policy's model runs: {WORDS}",
    },
    "load_timeout": {
        "default_value": "600",
        "description": "the longest that a policy may take to load (s)",
    },
    "manager": {
        "default_value": "true",
        "choices": ["true", "false"],
        "description": "whether this launch brings its nodes up; false: another manager does",
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


def include_robot(*arguments: str) -> IncludeLaunchDescription:
    """Includes robot.launch.py, with the named arguments handed on.

    Whoever includes it has a manager, and has refused before what is to be refused.
    """
    share = get_package_share_directory("vega_bringup")
    handed_on = ("task", "robot", "variant", "seed", "namespace", *arguments)
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(os.path.join(share, "launch", "robot.launch.py")),
        launch_arguments=[
            *((name, LaunchConfiguration(name)) for name in handed_on),
            ("manager", "false"),
        ],
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


def number(name: str) -> ParameterValue:
    """An argument as a whole number: 08 is 8."""
    return ParameterValue(LaunchConfiguration(name), value_type=int)


def patience(more_s: float = 0.0) -> ParameterValue:
    """How long a policy may take to load, and so many seconds more (s)."""
    return ParameterValue(
        PythonExpression([LaunchConfiguration("load_timeout"), f" + {more_s}"]), value_type=float
    )


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


def log_to(argument: str) -> list[Action]:
    """Makes the run's folder, which this argument names, and has the nodes log to `logs/` in it.

    Put it behind all that may be refused: what is refused leaves nothing.
    """

    def problem(context: LaunchContext) -> str | None:
        folder = as_path(given(context, argument))
        missing = [path for path in (folder / "logs", folder, *folder.parents) if not path.exists()]
        try:
            (folder / "logs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = error.strerror or error
            return f"{argument}:={folder}: cannot be written ({why}); name another folder"
        _made.extend(missing)
        context.launch_configurations[argument] = str(folder)
        return None

    return [
        *refuse_if(problem),
        SetEnvironmentVariable("ROS_LOG_DIR", [LaunchConfiguration(argument), "/logs"]),
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


def end_with(node: Node, failed: str, refused: str = "") -> RegisterEventHandler:
    """Ends the launch when a node ends; with an error if its exit code is not 0.

    With an emergency stop latched, also one that is pressed just after the node has failed, it ends
    only once that is left: the gate holds it.

    Args:
        node: The node.
        failed: The error.
        refused: The error where the node refused what it was asked for (exit code 2): then nothing
            of the run's folder stays that this launch has made.
    """

    def on_exit(event: ProcessExited, context: LaunchContext) -> Sequence[LaunchDescriptionEntity]:
        if context.is_shutdown:
            return []
        if event.returncode == 0:
            return [once_stop_is_left(Shutdown(reason="the work is done"))]
        if event.returncode != REFUSED or not refused:
            return [TimerAction(period=_HOLD_S, actions=[once_stop_is_left(_fail(failed))])]
        # At the end: until then nodes write their logs.
        atexit.register(_remove_what_was_made)
        return [once_stop_is_left(_fail(refused))]

    return RegisterEventHandler(OnProcessExit(target_action=node, on_exit=on_exit))


def _remove_what_was_made() -> None:
    """Removes logs, and the folders around them as far as they are empty then."""
    with contextlib.suppress(OSError):
        for path in _made:
            if path.name == "logs":
                shutil.rmtree(path)
            else:
                path.rmdir()


def _fail(text: str) -> OpaqueFunction:
    def fail(context: LaunchContext) -> None:
        # The way, with every launch front end, to an exit code other than 0.
        raise RuntimeError(text)

    return OpaqueFunction(function=fail)


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


def shipped_policy() -> Path:
    """The policy that comes with the project, trained in the twin."""
    return Path(hw_config.__file__).resolve().parents[1] / "models" / "twin"

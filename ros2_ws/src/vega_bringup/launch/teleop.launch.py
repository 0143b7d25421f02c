"""Records demonstrations of a task, led by a person, or by the twin's scripted operator.

    ros2 launch vega_bringup teleop.launch.py task:=close_laptop episodes:=100 dataset:=DIR
    ros2 run vega_teleop keys        # in a second terminal

A session goes on where its last one ended: the same command again. Ctrl-C loses no saved episode,
and what was recorded of the present take is recovered by the next launch.
"""

from __future__ import annotations

import time

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import PushRosNamespace
from vega_bringup.launch_parts import (
    declare,
    end_with,
    environment,
    include_robot,
    log_to,
    number,
    require,
    session_work,
    stack_node,
    text,
)
from vega_bringup.refusals import only_these
from vega_bringup.session_parts import FREE_TEXT, decide_session, declare_session

_TWIN = ("sim", "emulated")
_RECOVERED = (
    "what was recorded of the present take is recovered when the same command is given again; "
    "shutting down"
)


def generate_launch_description() -> LaunchDescription:
    task = LaunchConfiguration("task")
    session = {"task": task, "dataset": text("dataset")}
    session |= {name: LaunchConfiguration(name) for name in ("variant", "robot")}
    recorder = stack_node(
        "vega_teleop",
        "recorder",
        {
            **session,
            "episodes": number("episodes"),
            "operator": text("operator"),
        },
    )
    scene = {"seed": number("seed"), "hands": LaunchConfiguration("leaders")}
    conductor = stack_node("vega_teleop", "conductor", {**session, **scene}, robots=_TWIN)
    # The session itself tells what is missing before a take, for as long as it is missing.
    manager = stack_node("vega_bringup", "manager", {"work": session_work(), "careful": ""})
    view = stack_node("vega_teleop", "view", {}, only_if=LaunchConfiguration("shows"))
    arguments = [
        *declare("task", "robot", "variant", "seed"),
        *declare_session(),
        DeclareLaunchArgument(
            "output",
            default_value=[time.strftime("runs/%Y%m%d-%H%M%S-teleop-"), task],
            description="folder for the logs",
        ),
        *declare("namespace", "log_level"),
    ]
    return LaunchDescription(
        [
            *only_these("teleop.launch.py", arguments, FREE_TEXT),
            *environment(),
            *decide_session(),
            *log_to("output"),
            include_robot("gate", "leaders"),
            require(recorder, _RECOVERED, uses_robot=True),
            end_with(manager, "the stack did not come up"),
            end_with(conductor, "the session was not completed"),
            GroupAction(
                [
                    PushRosNamespace(LaunchConfiguration("namespace")),
                    *(recorder, manager, conductor, view),
                ]
            ),
        ]
    )

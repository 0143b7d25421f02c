"""Evaluates policies on a task: a session of blinded, interleaved trials.

    ros2 launch vega_bringup eval.launch.py task:=close_laptop policies:=A,B trials:=20 output:=DIR
    ros2 run vega_eval operator      # in a second terminal, where a person judges

The twin judges by itself. A session goes on where it stopped: the same command again.
"""

from __future__ import annotations

import time

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import PushRosNamespace
from vega_bringup.eval_parts import FREE_TEXT, decide_evaluation, declare_evaluation
from vega_bringup.launch_parts import (
    declare,
    end_with,
    environment,
    include_robot,
    log_to,
    number,
    patience,
    require,
    stack_node,
    text,
)
from vega_bringup.refusals import only_these


def generate_launch_description() -> LaunchDescription:
    task = LaunchConfiguration("task")
    asked = {name: text(name) for name in ("operator", "lighting", "judge", "output")}
    asked |= {name: LaunchConfiguration(name) for name in ("variant", "robot", "stop_early", "aa")}
    asked |= {name: number(name) for name in ("trials", "seed")}
    asked |= {"policies": LaunchConfiguration("checkpoints"), "task": task}
    asked |= {"load_timeout_s": patience()}
    policy = stack_node("vega_inference", "policy", {"task": task, "device": text("device")})
    manager = stack_node("vega_bringup", "manager", {"work": ["gate"], "careful": ""})
    session = stack_node("vega_eval", "session", asked)
    arguments = [
        *declare("task", "robot", "variant", "seed"),
        *declare_evaluation(),
        *declare("device", "load_timeout"),
        DeclareLaunchArgument(
            "output",
            default_value=[time.strftime("runs/%Y%m%d-%H%M%S-eval-"), task],
            description="folder of the session; one that is there is gone on with",
        ),
        *declare("namespace", "log_level"),
    ]
    return LaunchDescription(
        [
            *only_these("eval.launch.py", arguments, FREE_TEXT),
            *environment(),
            *decide_evaluation(),
            *log_to("output"),
            include_robot(),
            require(
                policy,
                "the trial does not count and is played again by the same command",
                uses_robot=True,
            ),
            end_with(manager, "the stack did not come up"),
            end_with(
                session,
                "the session was not completed; the same command goes on with it",
                refused="the session was not begun",
            ),
            GroupAction(
                [PushRosNamespace(LaunchConfiguration("namespace")), policy, manager, session]
            ),
        ]
    )

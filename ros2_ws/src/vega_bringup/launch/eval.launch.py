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
from vega_bringup.eval_parts import decide_evaluation, declare_evaluation
from vega_bringup.launch_parts import (
    declare,
    end_with,
    environment,
    include,
    log_to,
    misspelt_argument,
    refuse_if,
    require,
    stack_node,
    text,
)


def generate_launch_description() -> LaunchDescription:
    task = LaunchConfiguration("task")
    asked = {name: text(name) for name in ("operator", "lighting", "judge", "output")}
    asked |= {name: LaunchConfiguration(name) for name in ("variant", "robot", "trials", "seed")}
    asked |= {"policies": LaunchConfiguration("checkpoints"), "task": task}
    asked |= {"stop_early": LaunchConfiguration("stop_early")}
    policy = stack_node("vega_inference", "policy", {"task": task})
    manager = stack_node("vega_bringup", "manager", {"work": ["gate"], "careful": ""})
    session = stack_node("vega_eval", "session", asked)
    return LaunchDescription(
        [
            *declare("task", "robot", "variant", "seed"),
            *declare_evaluation(),
            DeclareLaunchArgument(
                "output",
                default_value=[time.strftime("runs/%Y%m%d-%H%M%S-eval-"), task],
                description="folder of the session; one that is there is gone on with",
            ),
            *declare("namespace", "log_level"),
            *environment(),
            refuse_if(misspelt_argument),
            *decide_evaluation(),
            *log_to(LaunchConfiguration("output")),
            include("robot.launch.py", "task", "robot", "variant", "seed", "namespace"),
            require(
                policy,
                "the trial does not count and is played again by the same command",
                uses_robot=True,
            ),
            end_with(manager, "the stack did not come up"),
            end_with(session, "the session was not completed; the same command goes on with it"),
            GroupAction(
                [PushRosNamespace(LaunchConfiguration("namespace")), policy, manager, session]
            ),
        ]
    )

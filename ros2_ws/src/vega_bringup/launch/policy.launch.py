"""Runs a policy for one episode, in the twin by default.

    ros2 launch vega_bringup policy.launch.py task:=close_laptop

With idle:=true no episode is run: the stack stands ready for a script (`vega_bringup.robot`).

Leaves summary.json, episode.mp4 and logs/ in the run's folder.
"""

from __future__ import annotations

import time

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import PushRosNamespace
from vega_bringup.launch_parts import (
    checkpoint_problem,
    declare,
    end_with,
    environment,
    include,
    log_to,
    misspelt_argument,
    refuse_if,
    require,
    shipped_policy,
    stack_node,
)


def generate_launch_description() -> LaunchDescription:
    task, checkpoint = LaunchConfiguration("task"), LaunchConfiguration("checkpoint")
    scene = {name: LaunchConfiguration(name) for name in ("task", "variant", "seed")}
    output = LaunchConfiguration("output")
    run = {"output": output, "checkpoint": checkpoint, "launched_at": time.time()}
    policy = stack_node("vega_inference", "policy", {"task": task, "checkpoint": checkpoint})
    idle = LaunchConfiguration("idle")
    busy = PythonExpression(["'false' if '", idle, "' == 'true' else 'true'"])
    manager = stack_node("vega_bringup", "manager", {}, only_if=busy)
    waiting = stack_node("vega_bringup", "manager", {"work": ["gate"], "careful": ""}, only_if=idle)
    episode = stack_node("vega_eval", "episode", {**scene, **run}, only_if=busy)
    return LaunchDescription(
        [
            *declare("task", "robot", "variant", "seed"),
            DeclareLaunchArgument(
                "checkpoint",
                default_value=str(shipped_policy()),
                description="folder of the policy (it holds a policy.yaml)",
            ),
            DeclareLaunchArgument(
                "output",
                default_value=[time.strftime("runs/%Y%m%d-%H%M%S-"), task],
                description="folder for the episode's figures, video and logs",
            ),
            DeclareLaunchArgument(
                "idle",
                default_value="false",
                choices=["true", "false"],
                description="whether no episode is run, and the policy waits for a script",
            ),
            *declare("namespace", "log_level"),
            *environment(),
            refuse_if(misspelt_argument),
            refuse_if(checkpoint_problem),
            *log_to(output),
            include("robot.launch.py", "task", "robot", "variant", "seed", "namespace"),
            require(policy, "the gate holds the arms; shutting down", uses_robot=True),
            end_with(manager, "the stack did not come up"),
            end_with(waiting, "the stack did not come up"),
            end_with(episode, "the episode was not carried out"),
            GroupAction(
                [
                    PushRosNamespace(LaunchConfiguration("namespace")),
                    *(policy, manager, waiting, episode),
                ]
            ),
        ]
    )

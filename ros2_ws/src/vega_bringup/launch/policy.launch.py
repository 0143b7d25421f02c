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
    declare,
    end_with,
    environment,
    include_robot,
    log_to,
    number,
    patience,
    require,
    shipped_policy,
    stack_node,
    text,
)
from vega_bringup.policy_parts import decide_policy
from vega_bringup.refusals import only_these


def generate_launch_description() -> LaunchDescription:
    task = LaunchConfiguration("task")
    scene = {"task": task, "variant": LaunchConfiguration("variant"), "seed": number("seed")}
    run = {name: text(name) for name in ("output", "checkpoint")}
    given = {"task": task, "checkpoint": text("checkpoint"), "device": text("device")}
    policy = stack_node("vega_inference", "policy", given)
    idle = LaunchConfiguration("idle")
    busy = PythonExpression(["'false' if '", idle, "' == 'true' else 'true'"])
    loading = {"configure_timeout_s": patience()}
    manager = stack_node("vega_bringup", "manager", loading, only_if=busy)
    waiting = stack_node("vega_bringup", "manager", {"work": ["gate"], "careful": ""}, only_if=idle)
    coming_up = {"launched_at": time.time(), "bring_up_patience_s": patience(more_s=300.0)}
    episode = stack_node("vega_eval", "episode", {**scene, **run, **coming_up}, only_if=busy)
    arguments = [
        *declare("task", "robot", "variant", "seed"),
        DeclareLaunchArgument(
            "checkpoint",
            default_value=str(shipped_policy()),
            description="folder of the policy (it holds a policy.yaml)",
        ),
        *declare("device", "load_timeout"),
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
    ]
    return LaunchDescription(
        [
            *only_these("policy.launch.py", arguments),
            *environment(),
            *decide_policy(),
            *log_to("output"),
            include_robot(),
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

"""The robot: what stands behind the topics of arms and cameras, and the gate that commands it.

    ros2 launch vega_bringup robot.launch.py robot:=emulated

stays up until Ctrl-C, without a policy: for bringing a robot up, and for exercises with it. The
other launch files include it.
"""

from __future__ import annotations

import time

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import PushRosNamespace
from vega_bringup.launch_parts import (
    arms_with_leader_bus,
    declare,
    end_with,
    environment,
    floor_drop,
    log_to,
    number,
    require,
    stack_node,
)
from vega_bringup.refusals import only_these, refuse_if, robot_problems

_DRIVEN = ("emulated", "real")


def generate_launch_description() -> LaunchDescription:
    scene = {name: LaunchConfiguration(name) for name in ("task", "variant")}
    scene["seed"] = number("seed")
    twin, gate = {**scene, "operator": LaunchConfiguration("leaders")}, LaunchConfiguration("gate")
    limits = {"floor_drop_m": floor_drop()}
    nodes = {
        stack_node("vega_sim", "sim", twin, robots=("sim",)): "nobody obeys commands any more",
        stack_node("vega_sim", "emulation", twin, robots=("emulated",)): "the hardware is gone",
        stack_node("vega_cameras", "cameras", {}, robots=_DRIVEN): "there are no images any more",
        stack_node("vega_control", "gate", limits, only_if=gate): "the arms hold where they are",
    }
    for arm in ("left", "right"):
        commanded = {"enable_on_activate": gate}
        driver = stack_node("vega_arms", f"{arm}_arm", commanded, "arm_node", _DRIVEN)
        nodes[driver] = f"the {arm} arm holds where it is"
    for arm in arms_with_leader_bus():
        listener = stack_node("vega_arms", f"{arm}_leader", {}, "arm_node", _DRIVEN)
        nodes[listener] = f"nobody hears the {arm} leader any more"
    work = PythonExpression(["['gate' if '", gate, "' == 'true' else '']"])
    manager = stack_node(
        "vega_bringup",
        "manager",
        {"work": work, "careful": ""},
        only_if=LaunchConfiguration("manager"),
    )
    arguments = [
        *declare("task", "robot", "variant", "seed", "gate", "leaders", "manager"),
        DeclareLaunchArgument(
            "output",
            default_value=time.strftime("runs/%Y%m%d-%H%M%S-robot"),
            description="folder for the logs",
        ),
        *declare("namespace", "log_level"),
    ]
    return LaunchDescription(
        [
            *only_these("robot.launch.py", arguments),
            *environment(),
            *refuse_if(*robot_problems()),
            *log_to("output"),
            *(require(node, f"{means}; shutting down") for node, means in nodes.items()),
            end_with(manager, "the stack did not come up"),
            GroupAction([PushRosNamespace(LaunchConfiguration("namespace")), *nodes, manager]),
        ]
    )

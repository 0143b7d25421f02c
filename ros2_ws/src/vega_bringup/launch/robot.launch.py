"""The robot: what stands behind the topics of arms and cameras, and the gate that commands it."""

from __future__ import annotations

from launch import LaunchContext, LaunchDescription
from launch.actions import GroupAction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import PushRosNamespace
from vega_bringup.launch_parts import (
    cell_problem,
    declare,
    refuse_if,
    require,
    second_stack,
    seed_problem,
    stack_node,
)

_HERE = ("sim",)


def _not_there_yet(context: LaunchContext) -> str | None:
    robot = LaunchConfiguration("robot").perform(context)
    if robot in _HERE:
        return None
    return f"robot:={robot} is not part of this version yet; use robot:={' or '.join(_HERE)}"


def generate_launch_description() -> LaunchDescription:
    scene = {name: LaunchConfiguration(name) for name in ("task", "variant", "seed")}
    twin = stack_node("vega_sim", "sim", scene, clock=False)
    gate = stack_node("vega_control", "gate", {})
    return LaunchDescription(
        [
            *declare("task", "robot", "variant", "seed", "namespace", "log_level"),
            refuse_if(_not_there_yet),
            refuse_if(seed_problem),
            refuse_if(cell_problem),
            refuse_if(second_stack),
            require(twin, "nobody obeys commands any more; shutting down"),
            require(gate, "the arms hold where they are; shutting down"),
            GroupAction([PushRosNamespace(LaunchConfiguration("namespace")), twin, gate]),
        ]
    )

"""The robot: what stands behind the topics of arms and cameras, and the gate that commands it."""

from __future__ import annotations

from launch import LaunchDescription
from launch.actions import GroupAction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import PushRosNamespace
from vega_bringup.launch_parts import (
    arms_with_leader_bus,
    cell_problem,
    declare,
    floor_drop,
    hardware_problem,
    refuse_if,
    require,
    second_stack,
    seed_problem,
    stack_node,
)

_DRIVEN = ("emulated", "real")


def generate_launch_description() -> LaunchDescription:
    scene = {name: LaunchConfiguration(name) for name in ("task", "variant", "seed")}
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
    return LaunchDescription(
        [
            *declare("task", "robot", "variant", "seed", "gate", "leaders"),
            *declare("namespace", "log_level"),
            refuse_if(seed_problem),
            refuse_if(cell_problem),
            refuse_if(hardware_problem),
            refuse_if(second_stack),
            *(require(node, f"{means}; shutting down") for node, means in nodes.items()),
            GroupAction([PushRosNamespace(LaunchConfiguration("namespace")), *nodes]),
        ]
    )

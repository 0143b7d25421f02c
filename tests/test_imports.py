"""Who imports whom: no cycles, packages in layers, and ROS in node modules alone."""

import re

import pytest
from codebase import ROOT, imports, links, modules, package, roots

# What is to be had only where ROS 2 is.
ROS = re.compile(
    r"rclpy|rosidl\w*|rcl_interfaces|rpyutils|ament_\w+|launch|launch_ros"
    r"|\w+_msgs|std_srvs|builtin_interfaces"
)
# In vega_runtime every module may import ROS; elsewhere these do, each a node or a part of one.
# Whatever is not here runs where no ROS 2 is.
NODE_MODULES = {
    "vega_arms": "arm_node diagnostics stop_services",
    "vega_bringup": "doctor.ros_graph eval_parts launch_parts manager_node policy_parts readiness "
    "refusals robot robot_connection session_parts stop_kept",
    "vega_cameras": "cameras_node health",
    "vega_control": "estop_command gate_node gate_reports gate_services messages",
    "vega_eval": "episode.episode_node episode.observer "
    "session.node_control session.operator_command session.operator_services "
    "session.recording session.robot_health session.ros_backend session.session_node",
    "vega_inference": "messages policy_node",
    "vega_sim": "arm_services drive_command emulation_node sim_node sim_outputs twin_services",
    "vega_teleop": "cues keys_command leading message_definitions recorder_node recording_topics "
    "session_services staging unattended_session view_node",
}
NODE_SIDE = {f"{name}.{m}" for name, listed in NODE_MODULES.items() for m in listed.split()}


def layers():
    """The lines of the picture in docs/architecture.md, the highest layer first."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    (picture,) = re.findall(r"```layers\n(.*?)```", page, re.S)
    return [re.findall(r"\w+", line) for line in picture.splitlines()]


def needs_ros(module):
    return any(ROS.fullmatch(package(name)) for name in imports(module))


def cycles():
    """Every way from a module back to itself, the shortest one for each module on it."""
    found = set()
    for start in modules():
        ways = [(start, name) for name in sorted(links(start))]
        seen = {name for _, name in ways}
        for way in ways:
            if way[-1] == start:
                found.add(min(way[i:-1] + way[:i] for i in range(len(way) - 1)))
                break
            for name in sorted(links(way[-1]) - seen):
                seen.add(name)
                ways.append((*way, name))
    return found


def test_no_module_imports_itself_by_way_of_others():
    assert not [" -> ".join((*way, way[0])) for way in sorted(cycles())]


def test_every_package_has_its_place_in_the_layers():
    named = [name for layer in layers() for name in layer]
    assert sorted(named) == sorted({*roots(), "vega_msgs"})


def test_packages_import_those_of_lower_layers_only():
    height = {name: -i for i, layer in enumerate(layers()) for name in layer}
    assert not [
        f"{module} -> {other}"
        for module in modules()
        for other in sorted(links(module))
        if package(other) != package(module) and height[package(other)] >= height[package(module)]
    ]


@pytest.mark.parametrize("name", ["hw_config", "vega_core", "vega_policy", "teleop"])
def test_a_package_outside_the_workspace_knows_none_inside(name):
    outside = {"hw_config", "vega_core", "vega_policy", "teleop"}
    found = {package(o) for m in modules() if package(m) == name for o in links(m)}
    assert found <= outside


def test_node_modules_and_no_others_import_ros():
    """Also by way of a module of vega_runtime, or of another node's, that does."""
    runtime = {m for m in modules() if package(m) == "vega_runtime"}
    ros_side = {m for m in runtime if needs_ros(m)} | NODE_SIDE
    importing = {m for m in set(modules()) - runtime if needs_ros(m) or links(m) & ros_side}
    assert sorted(importing - NODE_SIDE) == [], "part of a node? then name it in NODE_MODULES"
    assert sorted(NODE_SIDE - importing) == [], "imports no ROS: take it out of NODE_MODULES"

"""What the front end does not cover is an error that names it."""

import pkgutil
import re

import launch
import launch_ros
import pytest
from launch.actions import ExecuteProcess, LogInfo
from launch.substitutions import LaunchConfiguration
from launch.uncovered import _INSTEAD
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterFile

ADVICE = "is not covered by this project's launch front end; use a full ROS 2 installation"


def test_the_packages_are_marked():
    assert launch.__vega_front_end__
    assert launch_ros.__vega_front_end__


@pytest.mark.parametrize(
    "name",
    [
        "launch.LaunchIntrospector",
        "launch.actions.OpaqueCoroutine",
        "launch.conditions.Nothing",
        "launch.event_handlers.event_named",
        "launch.events.process.ProcessStdin",
        "launch.launch_introspector",
        "launch.substitutions.AnonName",
        "launch_ros.actions.ComposableNodeContainer",
        "launch_ros.descriptions.ComposableNode",
        "launch_ros.substitutions.Parameter",
    ],
)
def test_uncovered_names(name):
    module, _, attribute = name.rpartition(".")
    with pytest.raises(ImportError, match=f"^{name} {ADVICE}$"):
        exec(f"from {module} import {attribute}", {})


@pytest.mark.parametrize("name", sorted(_INSTEAD))
def test_names_that_something_else_replaces(name):
    module, _, attribute = name.rpartition(".")
    with pytest.raises(ImportError) as caught:
        exec(f"from {module} import {attribute}", {})
    start, end = ADVICE.split("; use ")
    assert str(caught.value) == f"{name} {start}; use {_INSTEAD[name]}, or {end}"


@pytest.mark.parametrize("name", sorted(set(_INSTEAD.values())))
def test_what_replaces_them_exists(name):
    for word in re.findall(r"launch[\w.]*\.[A-Za-z_]+", name):
        assert pkgutil.resolve_name(word)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: LogInfo(msg="x", colour="red"), "launch.actions.LogInfo(colour=...)"),
        (lambda: ExecuteProcess(cmd=["x"], cached_output=True),
         "launch.actions.ExecuteProcess(cached_output=...)"),
        (lambda: Node(executable="x", respawns=True), "launch_ros.actions.Node(respawns=...)"),
        (lambda: LaunchConfiguration("x", defaults=1),
         "launch.substitutions.LaunchConfiguration(defaults=...)"),
        (lambda: ParameterFile("x", allow_substs=True),
         "launch_ros.parameter_descriptions.ParameterFile(allow_substs=...)"),
        (lambda: launch.LaunchDescription([], deprecated_reason="old"),
         "launch.launch_description.LaunchDescription(deprecated_reason=...)"),
    ],
)  # fmt: skip
def test_uncovered_keyword_arguments(make, name):
    with pytest.raises(TypeError) as caught:
        make()
    assert str(caught.value) == f"{name} {ADVICE}"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("from launch.frontend import Parser", "launch.frontend"),
        ("from launch.actions import OpaqueCoroutine", "launch.actions.OpaqueCoroutine"),
        ("import launch_ros.events.lifecycle", "launch_ros.events"),
    ],
)
def test_uncovered_names_in_a_launch_file(ros2, tmp_path, line, name):
    file = tmp_path / "x.launch.py"
    file.write_text(f"import launch\nimport launch_ros\n{line}\n")
    run = ros2("launch", file, "--show-args")
    assert run.wait() == 1
    assert run.lines == [f"{file}, line 3: {name} {ADVICE}"]


def test_launch_files_in_other_languages(ros2, tmp_path):
    file = tmp_path / "x.launch.xml"
    file.write_text("<launch/>")
    run = ros2("launch", file)
    assert run.wait() == 1
    assert f"a launch file with .xml {ADVICE}" in run.text


@pytest.mark.parametrize(
    ("command", "name", "covered"),
    [
        (["bag", "record"], "ros2 bag", "Covered: interface, launch, lifecycle"),
        (["topic", "bw", "/x"], "ros2 topic bw", "Covered: list, type, info, echo, hz, pub"),
    ],
)
def test_uncovered_commands(ros2, command, name, covered):
    run = ros2(*command)
    assert run.wait() == 1
    assert run.lines[0].startswith(f"{name} {ADVICE}. {covered}")

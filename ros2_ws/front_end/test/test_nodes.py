"""Nodes: command lines, namespaces, remappings, and parameters as a real node receives them."""

import json
import os
import sys

import pytest
import yaml


@pytest.fixture
def package(tmp_path):
    """A package `robot` whose executable `node` prints its arguments as JSON."""
    prefix = tmp_path / "prefix"
    index = prefix / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    (index / "robot").touch()
    launch_dir = prefix / "share" / "robot" / "launch"
    launch_dir.mkdir(parents=True)
    executables = prefix / "lib" / "robot"
    executables.mkdir(parents=True)
    (executables / "readme.txt").touch()
    node = executables / "node"
    node.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    node.chmod(0o755)
    return prefix


@pytest.fixture
def command_lines(launch, package):
    """Launch nodes of the package and return their command lines, in order of their names."""

    def run(entities, *arguments, before=""):
        launched = launch(entities, *arguments, before=before, AMENT_PREFIX_PATH=str(package))
        assert launched.wait() == 0, launched.text
        lines = sorted(line for line in launched.lines if line.startswith("[node-"))
        return [json.loads(line.partition("] ")[2]) for line in lines]

    return run


def node(**options):
    given = "".join(f", {name}={value}" for name, value in options.items())
    return f'Node(package="robot", executable="node", output="screen"{given}),'


def test_a_plain_node_keeps_the_name_in_its_code(command_lines):
    assert command_lines(node()) == [["--ros-args"]]


def test_names_arguments_and_remappings(command_lines):
    (line,) = command_lines(
        node(
            name='["ga", LaunchConfiguration("x")]',
            namespace='"left"',
            arguments='["--can", LaunchConfiguration("x")]',
            ros_arguments='["--log-level", "debug"]',
            remappings='[("joint_states", ["follower/", LaunchConfiguration("x")]), ("a", "/b")]',
        ),
        "x:=te",
    )
    assert line == [
        *("--can", "te", "--ros-args", "--log-level", "debug", "--ros-args"),
        *("-r", "__node:=gate", "-r", "__ns:=/left"),
        *("-r", "joint_states:=follower/te", "-r", "a:=/b"),
    ]


def test_namespaces_parameters_and_remappings_of_a_scope(command_lines):
    inside, absolute, outside = command_lines(
        f"""
        GroupAction([
            PushRosNamespace("left"),
            PushRosNamespace(LaunchConfiguration("arm", default="follower")),
            SetParameter("use_sim_time", True),
            SetParameter(name="rate", value=LaunchConfiguration("rate", default="25")),
            SetRemap("a", "b"),
            {node(name='"driver"', namespace='"inner"', remappings='[("c", "d")]')}
            {node(namespace='"/top"')}
        ]),
        {node()}
        """
    )
    scope = ["-p", "use_sim_time:=True", "-p", "rate:=25"]
    assert inside == [
        *("--ros-args", "-r", "__node:=driver", "-r", "__ns:=/left/follower/inner"),
        *scope, "-r", "a:=b", "-r", "c:=d",
    ]  # fmt: skip
    assert absolute == ["--ros-args", "-r", "__ns:=/top", *scope, "-r", "a:=b"]
    assert outside == ["--ros-args"]


def test_parameters_are_passed_in_order_as_files(command_lines, tmp_path):
    file = tmp_path / "params.yaml"
    file.write_text("/**: {ros__parameters: {a: 1}}\n")
    (line,) = command_lines(
        node(
            name='"gate"',
            namespace='"/"',
            parameters=f"""[
                {str(file)!r}, ParameterFile([{str(tmp_path)!r}, "/params.yaml"]), "/no/such.yaml",
                {{"rate": LaunchConfiguration("rate"), "name": "7", "limits": {{"v": [1, 2.5]}}}},
            ]""",
        ),
        "rate:=25",
    )
    assert line[:9] == [
        *("--ros-args", "-r", "__node:=gate", "-r", "__ns:=/"),
        *("--params-file", str(file), "--params-file", str(file)),
    ]
    option, written = line[9:]
    assert option == "--params-file"
    with open(written) as written_file:
        assert yaml.safe_load(written_file) == {
            "/gate": {"ros__parameters": {"rate": 25, "name": "7", "limits.v": [1.0, 2.5]}}
        }


def test_lifecycle_nodes_are_nodes(command_lines):
    (line,) = command_lines(
        'LifecycleNode(package="robot", executable="node", name="gate", namespace="", '
        'output="screen"),'
    )
    assert line == ["--ros-args", "-r", "__node:=gate", "-r", "__ns:=/"]


@pytest.mark.parametrize(
    ("entity", "message"),
    [
        ('Node(package="robots", executable="node"),', "package 'robots' not found"),
        ('Node(package="robot", executable="readme.txt"),', "executable 'readme.txt' not found in"),
        ('Node(executable="true", name="a b"),', "'a b' is not a valid ROS node name"),
        ('Node(executable="true", namespace="1x"),', "'/1x' is not a valid ROS namespace"),
        ('Node(executable="true", parameters={"a": 1}),', "parameters has to be a list"),
        ('Node(executable="true", remappings=["a:=b"]),', "a remapping has to be a pair"),
        ('LifecycleNode(executable="true", name="x"),', "missing 1 required keyword-only"),
        ('Node(executable="true", parameters=[{"x": []}]),', "parameter x: [] has to be a list"),
    ],
)
def test_mistakes(launch, package, entity, message):
    run = launch(entity, AMENT_PREFIX_PATH=str(package))
    assert run.wait() == 1
    assert message in run.text
    assert "Traceback" not in run.text


def test_launch_and_run_by_package(ros2, package, launch_file):
    launch_file('say("from ", ThisLaunchFileDir()),', "prefix/share/robot/launch/up.launch.py")
    share = package / "share" / "robot"
    variables = {"AMENT_PREFIX_PATH": str(package)}
    run = ros2("launch", "robot", "up.launch.py", **variables)
    assert run.wait() == 0
    assert run.said() == [f"from {share}/launch"]

    run = ros2("launch", "robot", "down.launch.py", **variables)
    assert run.wait() == 1
    assert run.lines == [
        f"launch file 'down.launch.py' not found for package 'robot' ({share}). "
        "Launch files there: up.launch.py"
    ]
    run = ros2("launch", "robots", "up.launch.py", **variables)
    assert run.wait() == 1
    assert run.lines == ["Package 'robots' not found. Did you mean: robot?"]

    run = ros2("run", "robot", "node", "-x", "--ros-args", "-p", "a:=1", **variables)
    assert run.wait() == 0
    assert run.lines == ['["-x", "--ros-args", "-p", "a:=1"]']
    run = ros2("run", "--prefix", "echo hi", "robot", "node", **variables)
    assert run.wait() == 0
    assert run.lines == [f"hi {package}/lib/robot/node"]
    run = ros2("run", "robot", "nodes", **variables)
    assert run.wait() == 1
    assert run.lines == ["No executable 'nodes' in package 'robot'. Executables there: node"]

    run = ros2("pkg", "list", **variables)
    assert run.wait() == 0
    assert run.lines == ["robot"]
    run = ros2("pkg", "prefix", "--share", "robot", **variables)
    assert run.wait() == 0
    assert run.lines == [str(share)]
    run = ros2("pkg", "executables", **variables)
    assert run.wait() == 0
    assert run.lines == ["robot node"]


NODE = """
import os, sys
import rclpy
from rclpy.node import Node
rclpy.init()
node = Node("default_name", automatically_declare_parameters_from_overrides=True)
names = node.list_parameters([], 0).names
values = {name: node.get_parameter(name).value for name in names if "_t" not in name}
values = {name: v if isinstance(v, str) else repr(v) for name, v in sorted(values.items())}
print(node.get_fully_qualified_name(), node.resolve_topic_name("state"), values)
"""


def test_a_node_gets_the_parameters_that_match_its_name(launch, package, tmp_path):
    executable = package / "lib" / "robot" / "real"
    executable.write_text(f"#!{sys.executable}\n{NODE}")
    executable.chmod(0o755)
    file = tmp_path / "params.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "/**": {"ros__parameters": {"everywhere": 1, "rate": 10}},
                "/left/gate": {"ros__parameters": {"rate": 20}},
                "/**/gate": {"ros__parameters": {"scale": 0.5}},
                "other": {"ros__parameters": {"foreign": True}},
            }
        )
    )
    common = f'package="robot", executable="real", output="screen", parameters=[{str(file)!r}'
    run = launch(
        f"""
        Node({common}], name="gate", namespace="left", remappings=[("state", "joint_states")]),
        Node({common}, {{"rate": 30, "text": "5", "flags": [True, False]}}]),
        """,
        AMENT_PREFIX_PATH=os.pathsep.join([str(package), os.environ.get("AMENT_PREFIX_PATH", "")]),
        ROS_AUTOMATIC_DISCOVERY_RANGE="LOCALHOST",
    )
    assert run.wait() == 0, run.text
    # The middleware may complain of what killed processes left in shared memory.
    assert sorted(line for line in run.printed() if line.startswith("/")) == [
        "/default_name /state {'everywhere': '1', 'flags': '[True, False]', 'rate': '30', "
        "'text': '5'}",
        "/left/gate /left/joint_states {'everywhere': '1', 'rate': '20', 'scale': '0.5'}",
    ]

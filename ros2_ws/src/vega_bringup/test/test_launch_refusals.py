import socket

import pytest
from launch import LaunchContext
from vega_bringup import launch_parts


@pytest.fixture
def context():
    return LaunchContext()


@pytest.mark.parametrize(
    ("given", "says"),
    [("sead", "did you mean seed:="), ("chekpoint", "checkpoint:="), ("robot", None), ("x", None)],
)
def test_an_argument_that_is_almost_declared_is_refused(context, given, says):
    context.launch_configurations[given] = "3"
    problem = launch_parts.misspelt_argument(context)
    assert (says in problem) if says else problem is None


def test_a_broken_cell_is_told_before_any_node_starts(context, monkeypatch, tmp_path):
    (tmp_path / "tasks").mkdir()
    monkeypatch.setenv("VEGA_HW_CONFIG", str(tmp_path))
    assert "arms.yaml: cannot be read" in launch_parts.cell_problem(context)


def test_a_second_stack_in_a_domain_is_refused_until_the_first_is_gone(context, monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "none-such")
    monkeypatch.setattr(launch_parts, "_held", {})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind("\0vega-stack-none-such")
        assert "set another ROS_DOMAIN_ID" in launch_parts.second_stack(context)
    assert launch_parts.second_stack(context) is None
    assert launch_parts.second_stack(context) is None  # an included file asks again
    launch_parts._held["none-such"].close()

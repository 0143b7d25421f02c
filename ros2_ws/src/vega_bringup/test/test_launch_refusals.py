import socket
import sys

import pytest
from launch import LaunchContext
from launch.actions import DeclareLaunchArgument
from vega_bringup import refusals
from vega_bringup.launch_parts import shipped_policy

from vega_policy.kinds.hold import make

ARGUMENTS = [
    DeclareLaunchArgument("seed", default_value="0"),
    DeclareLaunchArgument("checkpoint", default_value="x"),
    DeclareLaunchArgument("operator", default_value=""),
]


@pytest.fixture
def context():
    return LaunchContext()


def refusal(problem, **given):
    context = LaunchContext()
    context.launch_configurations.update(given)
    return problem(context)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sead:=3"], "sead:=...: there is no such argument; did you mean seed:=...?"),
        (["use_sim_time:=false"], "up.launch.py takes seed, checkpoint, operator"),
        (["seed:=1", "seed:=2"], "seed:=... is given 2 times"),
        (["seed:="], "seed:= has no value"),
        (["checkpoint:=\udce9"], "no UTF-8"),
        (["operator:=\udce9", "seed:=3"], None),
        (["operator:="], None),
        (["sigterm_timeout:=3"], None),
        ([], None),
    ],
)
def test_arguments_that_a_launch_would_not_understand_are_refused(monkeypatch, words, says):
    monkeypatch.setattr(sys, "argv", ["ros2", "launch", "vega_bringup", "up.launch.py", *words])
    check, *declared = refusals.only_these("up.launch.py", ARGUMENTS, ("operator",))
    assert declared == ARGUMENTS
    context = LaunchContext(argv=words)
    if says is None:
        check.execute(context)
    else:
        with pytest.raises(RuntimeError) as refused:
            check.execute(context)
        assert says in str(refused.value)


def test_arguments_of_a_launch_file_that_includes_this_one_are_left_to_it(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ros2", "launch", "lab.launch.py", "tool:=x"])
    refusals.only_these("up.launch.py", ARGUMENTS)[0].execute(LaunchContext(argv=["tool:=x"]))


def test_a_broken_cell_is_told_before_any_node_starts(monkeypatch, tmp_path):
    (tmp_path / "tasks").mkdir()
    monkeypatch.setenv("VEGA_HW_CONFIG", str(tmp_path))
    assert "arms.yaml: cannot be read" in refusal(refusals.cell_problem, task="close_laptop")


def test_a_second_stack_in_a_domain_is_refused_until_the_first_is_gone(context, monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "none-such")
    monkeypatch.setattr(refusals, "_held", {})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind("\0vega-stack-none-such")
        assert "set another ROS_DOMAIN_ID" in refusals.second_stack(context)
    assert refusals.second_stack(context) is None
    assert refusals.second_stack(context) is None  # an included file asks again
    refusals._held["none-such"].close()


@pytest.mark.parametrize("seed", ["x", "-1", "1.5", "", " 3", "٣", "9" * 20])
def test_what_is_no_whole_number_is_refused(seed):
    problem = refusals.whole_number_problem("seed", 0, refusals.MOST)
    assert "expected a whole number from 0" in refusal(problem, seed=seed)
    assert refusal(problem, seed="08") is None


@pytest.mark.parametrize("namespace", ["1a", "a b", "a//b", "a-b", "cell/", "ä", "//"])
def test_what_cannot_be_a_namespace_is_refused(namespace):
    assert "namespace:=" in refusal(refusals.namespace_problem, namespace=namespace)


@pytest.mark.parametrize("namespace", ["", "/", "cell", "/cell", "cell/left_1"])
def test_what_can_be_a_namespace_is_not_refused(namespace):
    assert refusal(refusals.namespace_problem, namespace=namespace) is None


@pytest.fixture
def policy(monkeypatch, tmp_path):
    """The present folder, with a policy in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    make(tmp_path / "mine")
    return tmp_path / "mine"


@pytest.mark.parametrize("given", ["mine", "./mine", "~/mine"])
def test_a_policy_may_be_named_from_here_or_from_home(policy, given):
    assert refusals.policy_problem("checkpoint", given) is None
    assert refusals.as_path(given) == policy


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("/mine", "there is no such folder, but mine is one: did you mean checkpoint:=mine?"),
        ("yours", "there is no such folder"),
        ("~nobody-at-all/x", "there is no such folder"),
        ("mine/policy.yaml", "expected a folder with a policy.yaml"),
    ],
)
def test_a_policy_that_is_not_there_is_refused_with_where_it_was_looked_for(policy, given, says):
    assert says in refusals.policy_problem("checkpoint", given)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("control_hz: 25.0", "control_hz: 30.0", "control rate in Hz"),
        ("- left_joint1\n- left_joint2", "- left_joint2\n- left_joint1", "joint names in order"),
        ("kind: hold", "kind: none_such", "there are: vega"),
        ("format: 1", "format: [", "malformed"),
        ("kind: hold", "kind: vega", "malformed"),
    ],
)
def test_a_policy_that_does_not_fit_the_robot_is_refused(policy, old, new, says):
    file = policy / "policy.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    assert says in refusals.policy_problem("checkpoint", "mine")


@pytest.fixture
def checkpoint_without_weights(tmp_path):
    (tmp_path / "bare").mkdir()
    shipped = shipped_policy() / "policy.yaml"
    (tmp_path / "bare" / "policy.yaml").write_bytes(shipped.read_bytes())
    return tmp_path / "bare"


def test_a_policy_without_its_weights_is_refused(checkpoint_without_weights):
    text = refusals.policy_problem("policies", str(checkpoint_without_weights))
    assert "it has no weights" in text


@pytest.mark.parametrize("text", ["ada", "", "true", "\N{SNOWMAN} 'x'"])
def test_words_of_people_stay_as_they_are(text):
    assert refusals.readable(text) == text


def test_words_of_a_terminal_that_does_not_speak_utf_8_can_be_read():
    assert refusals.readable("Ren\udce9") == "René"

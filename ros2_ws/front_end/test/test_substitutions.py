"""Substitutions and conditions, evaluated in a context of their own."""

import pytest
from launch import LaunchContext
from launch.actions import DeclareLaunchArgument
from launch.substitutions import (
    Command,
    EnvironmentVariable,
    FindExecutable,
    LaunchConfiguration,
    PathJoinSubstitution,
    PythonExpression,
    SubstitutionFailure,
    TextSubstitution,
)
from launch.utilities import normalize_to_list_of_substitutions
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.parameters import evaluate_parameter_dict


@pytest.fixture
def context(monkeypatch):
    monkeypatch.setenv("ARM", "left")
    context = LaunchContext()
    context.launch_configurations.update(task="lid", n="3", yes="True")
    return context


N = LaunchConfiguration("n")
YES = LaunchConfiguration("yes")


@pytest.mark.parametrize(
    ("substitution", "text"),
    [
        (LaunchConfiguration("task"), "lid"),
        (LaunchConfiguration(["ta", TextSubstitution(text="sk")]), "lid"),
        (LaunchConfiguration("missing", default=5), "5"),
        (LaunchConfiguration("missing", default=[N, ".0"]), "3.0"),
        (EnvironmentVariable("ARM"), "left"),
        (EnvironmentVariable("NO_SUCH_VARIABLE", default_value="x"), "x"),
        (PathJoinSubstitution(["a", ["b", N], "c.yaml"]), "a/b3/c.yaml"),
        (PythonExpression([N, " * 2 + len('", LaunchConfiguration("task"), "')"]), "9"),
        (PythonExpression("floor(2.5)"), "2"),
        (PythonExpression("os.sep", python_modules=["os"]), "/"),
        (Command(["echo ", N]), "3\n"),
        (Command("sh -c 'echo out; echo err >&2'", on_stderr="ignore"), "out\n"),
        (Command("sh -c 'echo err >&2'", on_stderr="capture"), "err\n"),
    ],
)
def test_text(context, substitution, text):
    assert substitution.perform(context) == text


def test_programs(context):
    assert FindExecutable(name="sh").perform(context).endswith("/sh")


@pytest.mark.parametrize(
    ("substitution", "message"),
    [
        (LaunchConfiguration("missing"), "launch configuration 'missing' is not set"),
        (EnvironmentVariable("NO_SUCH_VARIABLE"), "'NO_SUCH_VARIABLE' is not set"),
        (PythonExpression("1 / 0"), "in the expression '1 / 0': division by zero"),
        (FindExecutable(name="no-such-program"), "'no-such-program' not found"),
        (Command("false"), "failed with exit code 1"),
        (Command("sh -c 'echo err >&2'"), "printed on stderr: err"),
        (Command("echo", on_stderr="shout"), "'shout' is not one of: fail, ignore, warn, capture"),
    ],
)
def test_failures(context, substitution, message):
    with pytest.raises(SubstitutionFailure, match=message):
        substitution.perform(context)


def test_only_text_and_substitutions_make_text():
    with pytest.raises(TypeError, match="expected text or a substitution, got 3"):
        normalize_to_list_of_substitutions(["a", 3])


@pytest.mark.parametrize(
    ("value", "evaluated"),
    [
        (True, True),
        (3, 3),
        (0.5, 0.5),
        ("3", "3"),
        (N, 3),
        (YES, True),
        ([LaunchConfiguration("task"), "_", N], "lid_3"),
        ([1, 2], [1, 2]),
        ([1, 2.5], [1.0, 2.5]),
        (["a", "1"], ["a", "1"]),
        ([[N], ["4"]], [3, 4]),
        (TextSubstitution(text="[0.1, 2]"), [0.1, 2.0]),
        (ParameterValue(N, value_type=str), "3"),
        (ParameterValue(N, value_type=float), 3.0),
        (ParameterValue("[a, b]", value_type=list[str]), ["a", "b"]),
        (ParameterValue([N, "5"], value_type=str), "35"),
        (ParameterValue("false", value_type=bool), False),
    ],
)
def test_parameter_values(context, value, evaluated):
    result = evaluate_parameter_dict(context, {"p": value})["p"]
    assert result == evaluated
    assert type(result) is type(evaluated)


def test_nested_parameters_become_names_with_dots(context):
    nested = {"gate": {"limits": {"scale": 0.5}, ("n", N): 1}}
    assert evaluate_parameter_dict(context, nested) == {"gate.limits.scale": 0.5, "gate.n3": 1}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        [1, "a"],
        [True, 2],
        TextSubstitution(text="{a: 1}"),
        TextSubstitution(text="a: b: c"),
    ],
)
def test_values_a_parameter_cannot_have(context, value):
    with pytest.raises(TypeError, match="parameter p"):
        evaluate_parameter_dict(context, {"p": value})


def test_a_parameter_value_of_the_wrong_type(context):
    with pytest.raises(ValueError, match="could not convert"):
        ParameterValue(LaunchConfiguration("task"), value_type=float).evaluate(context)


@pytest.mark.parametrize("choices", [[], ["b", "c"]])
def test_choices_that_make_no_sense(choices):
    with pytest.raises(RuntimeError, match="'x'"):
        DeclareLaunchArgument("x", default_value="a", choices=choices)

"""Launch arguments: defaults, choices, --show-args, and what an operator gets wrong."""

import pytest

TASK = """
DeclareLaunchArgument("task", default_value="lid", choices=["lid", "bowl"]),
DeclareLaunchArgument("seed", default_value=["1", TextSubstitution(text="2")]),
DeclareLaunchArgument("name"),
say(*(part for name in ("task", "seed", "name") for part in (LaunchConfiguration(name), " "))),
"""


def test_arguments_take_their_default_or_the_value_given_last(launch):
    run = launch(TASK, "name:=a", "task:=bowl", "name:=b:=c")
    assert run.wait() == 0
    assert run.said() == ["bowl 12 b:=c "]


def test_arguments_and_options_may_be_mixed(ros2, launch_file):
    file = launch_file(TASK)
    run = ros2("launch", "--noninteractive", file, "name:=a", "--debug", "task:=bowl")
    assert run.wait() == 0
    assert run.said() == ["bowl 12 a "]


def test_a_value_that_is_no_choice_lists_the_choices_and_starts_nothing(launch):
    started = 'python("print(1)"),'
    run = launch(started + TASK + started, "name:=x", "task:=door")
    assert run.wait() == 1
    assert "\"door\" is not valid. Valid options are: ['lid', 'bowl']" in run.text
    assert "process started" not in run.text
    assert "Traceback" not in run.text


def test_a_missing_argument_is_named(launch):
    run = launch(TASK)
    assert run.wait() == 1
    assert 'Required launch argument "name" was not provided' in run.text


def test_a_misspelt_argument_is_warned_of(launch):
    run = launch(TASK, "name:=x", "taks:=bowl")
    assert run.wait() == 0
    assert "launch argument 'taks' is not declared. Did you mean: task?" in run.text


def test_show_args_lists_arguments_of_includes_and_marks_conditional_ones(ros2, launch_file):
    inner = launch_file(
        'DeclareLaunchArgument("inner", description="Inner one"),', "inner.launch.py"
    )
    outer = launch_file(
        f"""
        DeclareLaunchArgument(
            "mode", default_value=EnvironmentVariable("MODE"), choices=["a", "b"]),
        IncludeLaunchDescription(PythonLaunchDescriptionSource([{str(inner)!r}])),
        GroupAction([DeclareLaunchArgument("maybe", default_value="1")],
                    condition=IfCondition(LaunchConfiguration("mode"))),
        """
    )
    run = ros2("launch", outer, "--show-args")
    assert run.wait() == 0
    assert run.text == (
        "Arguments (pass arguments as '<name>:=<value>'):\n"
        "\n"
        "    'mode':\n"
        "        One of: ['a', 'b']\n"
        "        (default: EnvVar('MODE'))\n"
        "\n"
        "    'inner':\n"
        "        Inner one\n"
        "\n"
        "    'maybe':*\n"
        "        no description given\n"
        "        (default: '1')\n"
        "\n"
        "* argument(s) which are only used if specific conditions occur"
    )
    assert not run.log_dir.exists()


def test_show_args_of_a_launch_file_without_arguments(ros2, launch_file):
    run = ros2("launch", launch_file("say('1'),"), "-s")
    assert run.wait() == 0
    assert run.lines[-1] == "  No arguments."


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("seed=1", "malformed launch argument 'seed=1', expected format '<name>:=<value>'"),
        (":=1", "malformed launch argument ':=1', expected format '<name>:=<value>'"),
    ],
)
def test_malformed_arguments(launch, argument, message):
    run = launch("", argument)
    assert run.wait() == 1
    assert run.lines == [message]


def test_a_launch_file_that_fails_is_reported_with_its_line(ros2, tmp_path):
    file = tmp_path / "broken.launch.py"
    file.write_text("import os\nos.no_such_thing\n")
    for options in ([], ["--show-args"]):
        run = ros2("launch", file, *options)
        assert run.wait() == 1
        assert f"{file}, line 2: AttributeError" in run.text
        assert "Traceback" not in run.text


def test_debug_shows_the_traceback(ros2, tmp_path):
    file = tmp_path / "broken.launch.py"
    file.write_text("import os\nos.no_such_thing\n")
    run = ros2("launch", "--debug", file)
    assert run.wait() == 1
    assert "Traceback" in run.text


def test_a_launch_file_that_describes_nothing(ros2, tmp_path):
    file = tmp_path / "empty.launch.py"
    file.write_text("")
    run = ros2("launch", file)
    assert run.wait() == 1
    assert "has no function generate_launch_description()" in run.text


def test_launch_files_that_do_not_exist(ros2):
    run = ros2("launch", "/no/such.launch.py")
    assert run.wait() == 1
    assert run.lines == ["there is no launch file /no/such.launch.py"]

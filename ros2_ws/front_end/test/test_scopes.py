"""Includes, groups, conditions and environment: what is seen where."""


def test_an_include_leaves_its_arguments_behind_unless_it_is_in_a_group(launch, launch_file):
    inner = launch_file(
        """
        DeclareLaunchArgument("speed", default_value="1"),
        SetLaunchConfiguration("set_inside", "yes"),
        say("inner ", LaunchConfiguration("speed"), " ", ThisLaunchFile()),
        """,
        "inner.launch.py",
    )
    include = f"IncludeLaunchDescription({str(inner)!r}, launch_arguments=[('speed', '2')])"
    show = 'say(LaunchConfiguration("speed", default="unset"), " ", ' + (
        'LaunchConfiguration("set_inside", default="unset"), " ", ThisLaunchFileDir()),'
    )
    run = launch(f"GroupAction([{include}]), {show} {include}, {show}")
    assert run.wait() == 0
    directory = inner.parent
    assert run.said() == [
        f"inner 2 {inner}",
        f"unset unset {directory}",
        f"inner 2 {inner}",
        f"2 yes {directory}",
    ]


def test_an_include_without_a_required_argument_fails(launch, launch_file):
    inner = launch_file('DeclareLaunchArgument("speed", description="m/s"),', "inner.launch.py")
    run = launch(f"IncludeLaunchDescription({str(inner)!r}),")
    assert run.wait() == 1
    assert 'Required launch argument "speed" was not provided (m/s)' in run.text


def test_groups(launch):
    run = launch(
        """
        SetLaunchConfiguration("a", "outer"),
        SetEnvironmentVariable("VAR", "outer"),
        GroupAction([
            say("forwarded ", LaunchConfiguration("a"), " ", LaunchConfiguration("b")),
            SetLaunchConfiguration("a", "changed"),
            SetEnvironmentVariable("VAR", "changed"),
        ], launch_configurations={"b": "given"}),
        say("scoped ", LaunchConfiguration("a"), " ", EnvironmentVariable("VAR")),
        GroupAction([SetLaunchConfiguration("a", "leaked")], scoped=False),
        say("unscoped ", LaunchConfiguration("a")),
        """
    )
    assert run.wait() == 0
    assert run.said() == [
        "forwarded outer given",
        "scoped outer outer",
        "unscoped leaked",
    ]


def test_conditions_decide_about_actions_and_whole_groups(launch):
    run = launch(
        """
        DeclareLaunchArgument("on", default_value="true"),
        say("if", condition=IfCondition(LaunchConfiguration("on"))),
        say("unless", condition=UnlessCondition(LaunchConfiguration("on"))),
        GroupAction([say("group")], condition=IfCondition(
            PythonExpression(["'", LaunchConfiguration("on"), "' == 'false'"]))),
        """,
        "on:=false",
    )
    assert run.wait() == 0
    assert run.said() == ["unless", "group"]


def test_a_condition_that_is_neither_true_nor_false_fails(launch):
    run = launch('say("x", condition=IfCondition("maybe")),')
    assert run.wait() == 1
    assert "is 'maybe'; expected one of: true, 1, false, 0" in run.text


def test_processes_get_the_environment_of_their_place(launch):
    show = "python(\"import os; print(*(os.environ.get(n, None) for n in ('A', 'B', 'C')))\")"
    run = launch(
        f"""
        SetEnvironmentVariable("A", "1"),
        AppendEnvironmentVariable("A", "2"),
        AppendEnvironmentVariable("A", "0", prepend=True),
        SetEnvironmentVariable("B", "b"),
        {show[:-1]}, additional_env={{"C": ["c", LaunchConfiguration("x", default="d")]}}),
        UnsetEnvironmentVariable("B"),
        {show},
        """
    )
    assert run.wait() == 0
    assert sorted(run.printed()) == ["0:1:2 None None", "0:1:2 b cd"]


def test_an_opaque_function_sees_the_context_and_returns_actions(launch):
    run = launch(
        """
        DeclareLaunchArgument("n", default_value="2"),
        OpaqueFunction(function=make, args=["item"], kwargs={"mark": "!"}),
        """,
        before="""
        def make(context, text, mark):
            count = int(LaunchConfiguration("n").perform(context))
            return [say(text, str(i), mark) for i in range(count)]
        """,
    )
    assert run.wait() == 0
    assert run.said() == ["item0!", "item1!"]

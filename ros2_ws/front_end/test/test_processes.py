"""Processes: their names, output, logs, environment, ends and restarts."""

import os
import re
import subprocess
import sys

import pytest


def test_output_goes_where_it_is_configured_and_into_a_file_of_the_process(launch):
    code = "import sys; print('out'); print('err', file=sys.stderr)"
    run = launch(
        f"""
        ExecuteProcess(cmd=[sys.executable, "-c", {code!r}], output="screen", name="screen"),
        ExecuteProcess(cmd=[sys.executable, "-c", {code!r}], output="log", name="log"),
        ExecuteProcess(cmd=[sys.executable, "-c", {code!r}], output="both", name="both"),
        ExecuteProcess(cmd=[sys.executable, "-c", {code!r}], name="split",
                       output={{"stdout": "own_log", "stderr": {{"screen", "own_log"}}}}),
        """
    )
    assert run.wait() == 0
    screen = {line for line in run.lines if re.match(r"\[\w+-\d\] (out|err)", line)}
    assert screen == {
        "[screen-1] out", "[screen-1] err", "[log-2] err", "[both-3] out", "[both-3] err",
        "[split-4] err",
    }  # fmt: skip
    logs = run.logs()
    in_launch_log = set(re.findall(r"\[\w+-\d\] (?:out|err)", logs["launch.log"]))
    assert in_launch_log == {"[log-2] out", "[log-2] err", "[both-3] out", "[both-3] err"}
    assert re.search(r"^\d+\.\d+ \[INFO\] \[screen-1\]: process started", logs["launch.log"], re.M)
    for name in ("screen-1", "log-2", "both-3", "split-4"):
        assert sorted(logs[f"{name}.log"].split()) == ["err", "out"]
    assert logs["split-4-stdout.log"] == "out\n"
    assert logs["split-4-stderr.log"] == "err\n"
    assert (run.log_dir / "latest" / "launch.log").is_file()


def test_all_output_can_be_shown_from_the_command_line(launch):
    run = launch('ExecuteProcess(cmd=["echo", "hidden"]),', "-a")
    assert run.wait() == 0
    assert "[echo-1] hidden" in run.lines


def test_lines_stay_whole_and_unfinished_ones_are_shown(launch):
    code = r"import os; os.write(1, 'caf\u00e9 \u2713\nlast'.encode()); os.write(1, b' part \xff')"
    run = launch(f"python({code!r}),")
    assert run.wait() == 0
    assert run.printed() == ["café ✓", "last part \ufffd"]


@pytest.mark.parametrize("tty", ["True", "False"])
def test_a_terminal_is_emulated_on_request(launch, tty):
    run = launch(f'python("import sys; print(sys.stdout.isatty())", emulate_tty={tty}),')
    assert run.wait() == 0
    assert run.printed() == [tty]


def test_the_start_is_announced_before_any_output(launch):
    run = launch('ExecuteProcess(cmd=["echo", "x"], output="screen"),')
    assert run.wait() == 0
    kinds = [line for line in run.lines if "echo-1" in line]
    assert "process started with pid" in kinds[0]
    assert kinds[1:] == [
        "[echo-1] x",
        kinds[0].replace("started with", "has finished cleanly [").replace("[ pid [", "[pid "),
    ]


def test_a_process_that_fails_is_reported_but_does_not_fail_the_launch(launch):
    run = launch('ExecuteProcess(cmd=["sh", "-c", "exit 3"]), ExecuteProcess(cmd=["true"]),')
    assert run.wait() == 0
    assert re.search(
        r"\[ERROR\] \[sh-1\]: process has died \[pid \d+, exit code 3, cmd 'sh -c exit 3'\]\.",
        run.text,
    )
    assert re.search(r"\[INFO\] \[true-2\]: process has finished cleanly \[pid \d+\]", run.text)


def test_a_program_that_does_not_exist_is_reported(launch):
    run = launch('ExecuteProcess(cmd=["no-such-program"]), ExecuteProcess(cmd=["true"]),')
    assert run.wait() == 0
    assert "[ERROR] [no-such-program-1]: cannot start process[no-such-program-1]" in run.text
    assert "[true-2]: process has finished cleanly" in run.text


def test_directory_environment_shell_and_prefix(launch, tmp_path):
    run = launch(
        f"""
        ExecuteProcess(cmd=["pwd"], cwd={str(tmp_path)!r}, output="screen"),
        ExecuteProcess(cmd=["echo $A$B; echo again"], shell=True, output="screen", name="shell",
                       env={{"A": "a", "B": LaunchConfiguration("b")}}),
        ExecuteProcess(cmd=["two"], prefix="echo one", output="screen", log_cmd=True),
        """,
        "b:=b c",
    )
    assert run.wait() == 0
    assert sorted(run.printed()) == sorted([os.path.realpath(tmp_path), "ab c", "again", "one two"])
    assert "[INFO] [two-3]: command: echo one two" in run.lines


def test_a_prefix_can_be_given_for_some_executables_on_the_command_line(launch):
    run = launch(
        'ExecuteProcess(cmd=["echo", "a"], output="screen"), ExecuteProcess(cmd=["true"]),',
        "--launch-prefix", "echo x", "--launch-prefix-filter", "ech",
    )  # fmt: skip
    assert run.wait() == 0
    assert run.printed() == ["x echo a"]


def test_on_exit_gets_the_exit_code_and_can_end_the_launch(launch):
    run = launch(
        """
        python("import time; print('up'); time.sleep(600)"),
        python("raise SystemExit(4)",
               on_exit=lambda event, context: [say("code ", str(event.returncode)), Shutdown()]),
        """
    )
    assert run.wait() == 0
    assert run.said() == ["code 4"]
    assert "was required: shutting down launched system" in run.text


def test_respawn_restarts_a_process_so_often(launch):
    run = launch('python("print(1)", respawn=True, respawn_delay=0.01, respawn_max_retries=2),')
    assert run.wait() == 0
    assert run.printed() == ["1", "1", "1"]


def test_a_respawned_process_ends_with_the_launch(launch, alive):
    run = launch('python("print(1)", respawn=True, respawn_delay=600.0),')
    run.wait_for(r"process has finished cleanly")
    run.send(2)
    assert run.wait() == 0


def test_an_invalid_output_is_refused(launch):
    run = launch('ExecuteProcess(cmd=["true"], output="loud"),')
    assert run.wait() == 1
    assert "output='loud' is not one of: screen, log, both, own_log, full" in run.text


def test_the_launch_goes_on_when_nobody_reads_its_output(launch_file, environment, tmp_path):
    done = tmp_path / "done"
    file = launch_file(
        f"""
        python("print('first')", on_exit=[
            python("print('unread')", on_exit=[
                ExecuteProcess(cmd=["touch", {str(done)!r}])])]),
        """
    )
    command = [sys.executable, "-m", "vega_ros2_cli", "launch", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 0
    assert done.exists()

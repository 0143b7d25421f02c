"""What a launch refuses before any node starts, in one sentence, leaving nothing behind."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from vega_bringup.robot import Robot, RobotError

import hw_config

SHIPPED = Path(hw_config.__file__).resolve().parents[1] / "models" / "twin"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder to launch in, which a refused launch leaves as it was."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def refusal(file, *arguments, **environment):
    """What `ros2 launch` says of it; no node is started."""
    ended = subprocess.run(
        ["ros2", "launch", "vega_bringup", f"{file}.launch.py", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode != 0, said
    for never in ("process started", "Traceback", "the same command"):
        assert never not in said, said
    return said


@pytest.mark.parametrize(
    ("file", "arguments", "says"),
    [
        ("policy", ["use_sim_time:=false"], "there is no such argument; policy.launch.py takes"),
        ("policy", ["polices:=x"], "there is no such argument"),
        ("teleop", ["episode:=3"], "did you mean episodes:=...?"),
        ("robot", ["checkpoint:=x"], "robot.launch.py takes task, robot"),
        ("eval", ["trials:=2", "trials:=3"], "trials:=... is given 2 times"),
        ("policy", ["output:="], "output:= has no value"),
        ("policy", ["task=close_laptop"], "expected format '<name>:=<value>'"),
        ("teleop", ["seed:=x"], "seed:=x: expected a whole number"),
        ("policy", ["namespace:=left arm"], "namespace:=left arm: expected names"),
        ("policy", ["device:=gpu"], "device:=gpu: expected auto, cpu, cuda or cuda:N"),
        ("eval", ["device:=cuda:99"], "device:=cuda:99: "),
        ("policy", ["load_timeout:=soon"], "load_timeout:=soon: expected a whole number"),
        ("eval", [f"policies:={SHIPPED},{SHIPPED}/."], "are the same policy: give each of them"),
        ("eval", ["aa:=true"], "expected the same policy twice"),
        ("eval", ["policies:=~/none"], "there is no such folder"),
    ],
)
def test_what_cannot_work_is_refused(place, file, arguments, says):
    assert says in refusal(file, *arguments)
    assert not list(place.iterdir())


@pytest.mark.parametrize("file", ["policy", "eval", "teleop", "robot"])
@pytest.mark.parametrize("domain", ["abc", "-1", "300", " ", "5abc"])
def test_a_domain_that_cannot_be_is_refused_by_every_launch(place, file, domain):
    said = refusal(file, ROS_DOMAIN_ID=domain)
    assert "expected a whole number, 0 to 232; export ROS_DOMAIN_ID=0, or unset it" in said
    assert not list(place.iterdir())


@pytest.mark.parametrize(
    "command",
    [
        "ros2 run vega_control estop",
        "ros2 run vega_teleop keys",
        "ros2 run vega_eval operator",
        "ros2 run vega_sim drive",
        "ros2 topic list",
        "ros2 service call /gate/home std_srvs/srv/Trigger",
    ],
)
@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("ROS_DOMAIN_ID", "abc", "ROS_DOMAIN_ID=abc: expected a whole number, 0 to 232"),
        ("ROS_LOG_DIR", "/dev/null/logs", "export ROS_LOG_DIR="),
    ],
)
def test_a_command_says_in_one_sentence_why_it_cannot_start(command, variable, value, says):
    ended = subprocess.run(
        command.split(),
        env={**os.environ, variable: value},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode != 0
    assert says in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_script_in_a_domain_that_cannot_be_is_told(monkeypatch):
    with pytest.raises(RobotError, match="ROS_DOMAIN_ID=300: expected a whole number, 0 to 232"):
        Robot(domain_id=300)
    monkeypatch.setenv("ROS_DOMAIN_ID", "abc")
    with pytest.raises(RobotError, match="ROS_DOMAIN_ID=abc"):
        Robot()


def test_a_home_that_cannot_be_written_names_the_variable(place):
    environment = {"HOME": "/dev/null", "ROS_LOG_DIR": "", "ROS_HOME": ""}
    assert "export ROS_LOG_DIR=" in refusal("policy", **environment)


def test_a_copy_of_a_policy_is_the_same_policy(place, tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "copy")
    said = refusal("eval", f"policies:={SHIPPED},{tmp_path / 'copy'}")
    assert "are the same policy" in said
    assert "aa:=true" in said


def test_a_policy_that_does_not_fit_is_refused_with_every_contradiction(place, tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "copy")
    file = tmp_path / "copy" / "policy.yaml"
    contract = yaml.safe_load(file.read_text())
    contract["joint_names"].reverse()
    contract["control_hz"] = 30.0
    contract["cameras"][1:] = contract["cameras"][:0:-1]
    file.write_text(yaml.safe_dump(contract, sort_keys=False))
    for argument in ("policy", "checkpoint"), ("eval", "policies"):
        said = refusal(argument[0], f"{argument[1]}:={tmp_path / 'copy'}")
        for what in ("joint names in order", "control rate in Hz", "cameras in order"):
            assert what in said
    assert not list(place.iterdir())


def test_a_folder_with_something_else_in_it_is_refused_for_a_session(place, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("")
    said = refusal("eval", f"output:={tmp_path / 'full'}")
    assert "is not empty and no session (it has thesis.tex)" in said
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.tex"]

"""A script leads the launched twin with `Robot`: it looks, goes home, runs a policy, stops."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from std_srvs.srv import Trigger
from system import launched, probing
from vega_bringup.robot import Robot, RobotError
from vega_msgs.msg import GateState

import hw_config

EXAMPLE = Path(__file__).resolve().parents[1] / "docs" / "examples" / "robot.py"
CAMERAS = {"head", "left_wrist", "right_wrist"}


@pytest.fixture(scope="module")
def short_cell(cell):
    """Cameras at 10 Hz, episodes of two seconds."""
    return cell(fps=10, time_limit_s=2.0)


@pytest.fixture(scope="module")
def system(short_cell, tmp_path_factory):
    """The twin with the policy that comes with the project, waiting for a script."""
    folder = tmp_path_factory.mktemp("runs") / "idle"
    with launched("idle:=true", f"output:={folder}", environment=short_cell) as stack:
        stack.wait_for_line("all up after")
        yield stack


@pytest.fixture(scope="module")
def robot(system):
    with Robot("sim", domain_id=system.domain, patience_s=90.0) as connected:
        yield connected


def test_images_joints_and_their_times_are_seen(robot):
    state = robot.observe()
    assert set(state.images) == CAMERAS
    assert all(i.dtype == np.uint8 and i.shape[2] == 3 for i in state.images.values())
    assert state.joints == pytest.approx(hw_config.load().home, abs=0.05)
    assert set(state.stamps_s) == CAMERAS | {"left", "right"}
    assert min(state.stamps_s.values()) > 0.0


def test_no_episode_is_run_by_the_launch(system):
    assert system.count("the policy acts|RESULT") == 0


def test_a_policy_acts_for_as_long_as_it_is_given_and_the_arms_hold_then(robot, system, tmp_path):
    robot.reset_scene(seed=3)
    result = robot.run_policy("close_laptop", time_limit_s=2.0, video=tmp_path / "episode.mp4")
    assert (result.outcome, result.reason) == ("failure", "not done within 2 s")
    assert result.elapsed_s == pytest.approx(2.0, abs=0.5)
    assert (tmp_path / "episode.mp4").stat().st_size > 0
    with probing(system) as probe:
        assert "paused" in probe.until_gate_is(GateState.HOLD).reason
    assert np.abs(robot.observe().joints - hw_config.load().home).max() > 0.05


def test_the_arms_go_home(robot):
    robot.home()
    assert robot.observe().joints == pytest.approx(hw_config.load().home, abs=0.06)


def test_the_example_runs(system, short_cell, tmp_path):
    environment = {**os.environ, **short_cell, "ROS_DOMAIN_ID": str(system.domain)}
    command = [sys.executable, str(EXAMPLE)]
    told = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert "EpisodeResult(outcome='failure', reason='not done within 2 s'" in told.stdout


@pytest.mark.parametrize(
    ("task", "checkpoint", "says"),
    [
        ("fold_towel", "", r"unknown task 'fold_towel'; the tasks are: .*close_laptop"),
        ("handover_cucumber", "", "was launched with task:=close_laptop, not handover_cucumber"),
        ("close_laptop", "/nowhere", "expected a folder with a policy.yaml"),
    ],
)
def test_what_cannot_be_run_is_told(robot, task, checkpoint, says):
    with pytest.raises(RobotError, match=says):
        robot.run_policy(task, checkpoint=checkpoint)


def test_a_stop_ends_the_episode_and_stays_until_a_person_resets_it(robot, system, tmp_path):
    with probing(system) as probe, ThreadPoolExecutor() as pool:
        running = pool.submit(robot.run_policy, "close_laptop", 60.0, video=tmp_path / "part.mp4")
        probe.until_gate_is(GateState.EXECUTING)
        robot.estop()
        result = running.result(60.0)
    assert result.outcome == "stopped (emergency stop)"
    assert "hold where they are" in result.reason
    for ask in (robot.home, lambda: robot.run_policy("close_laptop", video=tmp_path / "no.mp4")):
        with pytest.raises(RobotError, match="emergency stop"):
            ask()
    with probing(system) as probe:
        stopped = lambda: probe.gate and probe.gate.mode == GateState.ESTOP  # noqa: E731
        probe.until(stopped, "the gate to be stopped still")
        assert probe.call(Trigger, "gate/estop_reset").success
        probe.until_gate_is(GateState.HOLD)


def test_a_robot_that_is_not_there_is_told(system):
    with pytest.raises(RobotError, match=r"sent nothing yet.* Is the stack launched"):
        Robot("sim", namespace="elsewhere", domain_id=system.domain, patience_s=0.5).__enter__()

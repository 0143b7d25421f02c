"""Faults in the launched system: each ends in a hold and one clear message."""

import contextlib
import json
import resource
import shutil
import signal

import checkpoints
import pytest
from std_srvs.srv import Trigger
from system import launched, probing
from vega_msgs.msg import EstopState, GateState
from vega_msgs.srv import EmergencyStop
from vega_runtime import qos


@pytest.fixture
def copied(checkpoint, tmp_path):
    return shutil.copytree(checkpoint, tmp_path / "policy")


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text())


def test_a_launch_that_is_killed_takes_its_nodes_with_it_and_the_arms_come_to_rest(
    checkpoint, light_cell, tmp_path
):
    arguments = (f"checkpoint:={checkpoint}", f"output:={tmp_path / 'run'}")
    with launched(*arguments, environment=light_cell) as system, probing(system) as probe:
        probe.until_gate_is(GateState.EXECUTING)
        system.send(signal.SIGKILL)
        probe.until(lambda: probe.gate.mode == GateState.INACTIVE, "the gate to end with a hold")
        probe.until(lambda: not system.processes(), "every node to end", 20.0)


def test_silent_sensors_hold_the_arms_until_they_are_back_and_ctrl_c_ends_it(
    checkpoint, light_cell, tmp_path
):
    run = tmp_path / "run"
    arguments = (f"checkpoint:={checkpoint}", f"output:={run}", "namespace:=cell")
    with launched(*arguments, environment=light_cell) as system, probing(system, "cell") as probe:
        probe.until_gate_is(GateState.EXECUTING)

        # A busy computer may have waited for a first picture, and said so.
        camera = r"\[(WARN|ERROR)\].*policy.*left_wrist"
        before = system.count(camera)
        probe.inject("camera_silent", "left_wrist")
        probe.until_gate_is(GateState.HOLD)
        probe.until(lambda: system.count(camera) > before, "the policy to tell of the camera")
        probe.inject("none")
        probe.until_gate_is(GateState.EXECUTING)
        assert system.count(camera) == before + 1, system.text

        probe.inject("joint_states_silent", "right")
        state = probe.until_gate_is(GateState.HOLD)
        assert "right" in state.reason
        probe.inject("none")
        probe.until_gate_is(GateState.EXECUTING)
        assert system.count(r"\[(WARN|ERROR)\].*gate.*right") == 1, system.text

        system.stop(signal.SIGINT)
        assert not system.processes()
    assert summary_of(run)["outcome"] == "interrupted"
    assert (run / "episode.mp4").stat().st_size > 0
    assert system.count("RESULT .*interrupted") == 1


def test_a_killed_policy_leaves_the_arms_held_and_takes_everything_down(
    checkpoint, light_cell, tmp_path
):
    run = tmp_path / "run"
    arguments = (f"checkpoint:={checkpoint}", f"output:={run}")
    with launched(*arguments, environment=light_cell) as system, probing(system) as probe:
        probe.until_gate_is(GateState.EXECUTING)
        system.kill("policy_node")
        probe.until_gate_is(GateState.HOLD)
        assert system.wait() != 0
        assert not system.processes()
    assert system.count("died.*the gate holds the arms; shutting down") == 1, system.text
    assert summary_of(run)["success"] is False
    assert "the gate was holding" in summary_of(run)["reason"]


def test_non_numbers_from_the_model_never_reaches_the_arms_and_sigterm_ends_it(
    copied, light_cell, tmp_path
):
    checkpoints.with_nan(copied)
    arguments = (f"checkpoint:={copied}", f"output:={tmp_path / 'run'}")
    with launched(*arguments, environment=light_cell) as system, probing(system) as probe:
        system.wait_for_line("NaN|finite")
        state = probe.until_gate_is(GateState.HOLD)
        assert state.chunks_accepted == 0
        system.stop(signal.SIGTERM)
        assert not system.processes()
    assert system.count("NaN|finite") == 1, system.text


def test_a_damped_emergency_stop_is_left_by_the_steps_that_it_tells(
    checkpoint, light_cell, tmp_path
):
    arguments = (f"checkpoint:={checkpoint}", f"output:={tmp_path / 'run'}")
    with launched(*arguments, environment=light_cell) as system, probing(system) as probe:
        estops = probe.listen(EstopState, "gate/estop_state", qos.LATCHED)
        probe.until_gate_is(GateState.EXECUTING)
        level = EstopState.DAMPED
        answer = probe.call(EmergencyStop, "gate/estop", level=level, by="a test")
        assert answer.success, answer.message
        probe.until(lambda: estops and estops[-1].active, "the emergency stop")
        steps = [step.split() for step in estops[-1].steps if step.startswith("ros2 service call")]
        for service in [step[3] for step in steps]:
            probe.until(lambda s=service: probe.call(Trigger, s).success, f"{service} to succeed")
        probe.until_gate_is(GateState.EXECUTING)
    assert len(steps) == 6, steps


def fill_the_disk_of(system):
    """No file of any of its processes can grow from now on."""
    for pid in system.processes():
        with contextlib.suppress(ProcessLookupError):
            _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, most))


def test_a_disk_that_is_full_costs_logs_and_video_but_neither_control_nor_its_end(
    checkpoint, light_cell, tmp_path
):
    run = tmp_path / "run"
    arguments = (f"checkpoint:={checkpoint}", f"output:={run}")
    with launched(*arguments, environment=light_cell) as system, probing(system) as probe:
        probe.until_gate_is(GateState.EXECUTING)
        fill_the_disk_of(system)
        probe.inject("joint_states_silent", "right")
        probe.until_gate_is(GateState.HOLD)
        probe.inject("none")
        probe.until_gate_is(GateState.EXECUTING)
        system.stop(signal.SIGINT)
        assert not system.processes()
    assert system.count("episode.mp4 is not complete: File too large") == 1, system.text
    assert system.count("summary.json cannot be written: File too large") == 1, system.text
    assert system.count("RESULT .*interrupted") == 1, system.text


def test_a_checkpoint_that_contradicts_the_cell_is_refused(copied, light_cell, tmp_path):
    checkpoints.with_swapped_wrists(copied)
    arguments = (f"checkpoint:={copied}", f"output:={tmp_path / 'run'}")
    with launched(*arguments, environment=light_cell) as system:
        assert system.wait() != 0
        assert not system.processes()
    assert system.count("does not fit this robot") == 1, system.text
    assert system.count("cameras in order: the policy has .*right_wrist.*left_wrist") == 1
    assert system.count("Traceback") == 0

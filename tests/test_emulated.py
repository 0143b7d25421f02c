"""The drivers of arms and cameras in the launched system, over emulated hardware."""

import json
import signal
from pathlib import Path

import av
import numpy as np
import pytest
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from system import PATIENCE_S, launched, probing
from vega_eval.trials import journal
from vega_eval.trials.folder import read_session
from vega_eval.trials.record import TrialOutcome
from vega_eval.trials.session_status import replay
from vega_msgs.msg import ArmStatus, EvalState, GateState
from vega_runtime import qos

POLICY = Path(__file__).resolve().parents[1] / "models" / "twin"
CAMERAS = {"head", "left_wrist", "right_wrist"}


class Attendant:
    """Enables an arm that a busy computer let fall silent, as a person would."""

    def __init__(self, probe):
        self.said = {
            arm: probe.listen(ArmStatus, f"{arm}/follower/status", qos.LATCHED)
            for arm in ("left", "right")
        }
        self._clients = {arm: probe.client(Trigger, f"{arm}/follower/enable") for arm in self.said}
        self._asked = dict.fromkeys(self.said)

    def looks_after(self, system):
        """To be called again and again; whether the system has ended."""
        for arm, said in self.said.items():
            told = said[-1] if said else None
            silent = told is not None and not told.enabled and "silent" in told.text
            # Each state is answered once; the next one tells what became of it.
            if silent and told is not self._asked[arm] and self._clients[arm].service_is_ready():
                self._clients[arm].call_async(Trigger.Request())
                self._asked[arm] = told
        return system.exit_code is not None


@pytest.fixture(scope="module")
def episode(cell, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "episode"
    arguments = ["robot:=emulated", f"checkpoint:={POLICY}", f"output:={folder}"]
    # The hardware does not wait for a busy computer: the policy gets more time instead.
    patient = cell(time_limit_s=300.0)
    with launched(*arguments, environment=patient) as system, probing(system) as probe:
        somebody = Attendant(probe)
        probe.until(lambda: somebody.looks_after(system), lambda: f"its end:\n{system.text}")
        code = system.wait()
        left = system.processes()
    return code, left, system, folder


def test_the_shipped_policy_closes_the_laptop_through_the_drivers(episode):
    code, left, system, _ = episode
    assert code == 0, system.text
    assert not left
    assert system.count("RESULT close_laptop .easy, seed 0.: success") == 1, system.text
    assert system.count("Traceback|has died") == 0, system.text


def test_its_figures_and_its_video_are_those_of_any_episode(episode):
    summary = json.loads((episode[3] / "summary.json").read_text())
    assert summary["success"] is True
    assert all(summary["milestones"].values())
    assert set(summary["camera_hz"]) == CAMERAS
    # How fast it is, is for the benches to say: on a busy computer all of this is less.
    assert 1.0 < min(summary["camera_hz"].values()) <= max(summary["camera_hz"].values()) < 35.0
    assert 50.0 < summary["joint_state_hz"] < 220.0
    assert 0.0 < summary["real_time_factor"] < 1.05
    with av.open(str(episode[3] / "episode.mp4")) as file:
        frames = list(file.decode(video=0))
    assert frames[-1].to_ndarray(format="rgb24").std() > 10.0


@pytest.fixture
def busy(checkpoint, cell, tmp_path):
    """The system on emulated hardware, and somebody in its domain, once the policy leads."""
    arguments = ("robot:=emulated", f"checkpoint:={checkpoint}", f"output:={tmp_path / 'run'}")
    patient = cell(fps=10, time_limit_s=300.0)
    with launched(*arguments, environment=patient) as system, probing(system) as probe:
        until_the_policy_leads(probe, system)
        yield system, probe
    assert system.count("Traceback") == 0, system.text


def until_the_policy_leads(probe, system):
    """Waits for it, and meanwhile looks after the arms."""
    somebody = Attendant(probe)

    def leads():
        somebody.looks_after(system)
        return probe.gate is not None and probe.gate.mode == GateState.EXECUTING

    def instead():
        texts = [f"{arm} {said[-1].text!r}" for arm, said in somebody.said.items() if said]
        return f"the policy to lead; instead {probe.gate}, {', '.join(texts)}"

    probe.until(leads, instead)


def held_for(probe, text):
    """Waits for a hold with this reason: a busy computer may hold for another one before."""
    probe.until(
        lambda: probe.gate.mode == GateState.HOLD and text in probe.gate.reason,
        f"the gate to hold because of {text!r}",
    )


def test_faults_hold_the_arms_and_no_recovery_moves_them(busy):
    system, probe = busy
    states = probe.listen(JointState, "right/follower/joint_states", qos.SENSOR)
    status = probe.listen(ArmStatus, "right/follower/status", qos.LATCHED)

    # A camera that goes is waited for; the policy goes on by itself when it is back.
    probe.inject("camera_gone", "left_wrist", "cameras")
    probe.until_gate_is(GateState.HOLD)
    probe.inject("none", "", "cameras")
    back = r"\[WARN\].*left_wrist camera.*is back"
    probe.until(lambda: system.count(back), "the camera to be back")
    until_the_policy_leads(probe, system)

    # An arm that was gone has to be enabled by somebody.
    probe.inject("silence", "right")
    held_for(probe, "right")
    silent = "can_right is silent: no frame of any arm"
    probe.until(lambda: any(silent in one.text for one in status), "the driver to notice")
    assert not status[-1].enabled
    probe.inject("none")
    count = len(states)
    probe.until(lambda: len(states) > count + 100, "joint states of the arm that is back")
    assert probe.gate.mode == GateState.HOLD
    moved = np.ptp([message.position for message in states[count:]], axis=0)
    assert moved.max() < 0.005
    answer = probe.call(Trigger, "right/follower/enable")
    assert answer.success, answer.message
    until_the_policy_leads(probe, system)


def test_a_gripper_that_fails_makes_the_trial_invalid_and_not_a_failure(checkpoint, cell, tmp_path):
    folder = tmp_path / "session"
    given = ("robot:=emulated", f"policies:={checkpoint}", f"output:={folder}", "trials:=1")
    patient = cell(fps=10, time_limit_s=300.0)
    with (
        launched(*given, environment=patient, file="eval.launch.py") as system,
        probing(system) as probe,
    ):
        states = probe.listen(EvalState, "eval/state", qos.LATCHED)
        somebody = Attendant(probe)

        def runs():
            somebody.looks_after(system)
            return any(s.phase == EvalState.RUNNING for s in states)

        probe.until(runs, "a trial to run", 2.0 * PATIENCE_S)
        probe.inject("gripper_overcurrent", "right")
        probe.until(lambda: "gripper: overcurrent" in states[-1].text, "the session to wait")
        waits = "call right/follower/enable", "enable the arm"
        assert any(words in states[-1].text for words in waits), states[-1].text
        system.stop(signal.SIGINT)
    verdict = replay(read_session(folder), journal.read(folder).lines).attempts[-1].verdict
    assert verdict.outcome is TrialOutcome.INVALID
    assert "gripper: overcurrent" in verdict.reason


def test_a_killed_driver_leaves_its_arm_held_and_takes_everything_down(busy):
    system, probe = busy
    gate = probe.listen(GateState, "gate/state", qos.LATCHED)
    system.kill("arm_node", "right_arm")
    probe.until(lambda: any(one.mode == GateState.HOLD for one in gate), "the gate to hold")
    assert system.wait() != 0
    assert not system.processes()
    assert system.count("died.*the right arm holds where it is; shutting down") == 1, system.text


def test_a_killed_gate_leaves_the_arms_where_they_are_and_takes_everything_down(busy):
    system, probe = busy
    states = probe.listen(JointState, "right/follower/joint_states", qos.SENSOR)
    system.kill("gate_node")
    killed = len(states)
    probe.until(lambda: system.count("died.*the arms hold where they are"), "the launch to end")
    # The drivers have executed what was valid, and hold.
    newest = np.array([message.position for message in states[killed:][-50:]])
    assert len(newest) == 50
    assert np.ptp(newest, axis=0).max() < 0.005
    assert system.wait() != 0
    assert not system.processes()

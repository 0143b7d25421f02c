"""The emergency stop in the launched system: only people leave it, whatever else happens."""

import json
import time
from functools import partial

import pytest
from std_srvs.srv import Trigger
from system import launched, probing
from vega_msgs.msg import EstopState, EvalState, GateState
from vega_msgs.srv import EmergencyStop, JudgeTrial
from vega_runtime import qos

evaluation = partial(launched, file="eval.launch.py")
LONG_S = 240.0
AGAIN_S = 2.0  # a person does not answer at once again
STOPPED = "stopped (emergency stop)"
STAYS_UP = "everything else stays up until it is left"


@pytest.fixture(scope="module")
def short_cell(cell):
    """Trials of 4 s, cameras at 10 Hz: for tests of what happens, not of how fast."""
    return cell(fps=10, time_limit_s=4.0)


def press(probe, level=EstopState.HOLD):
    answer = probe.call(EmergencyStop, "gate/estop", level=level, by="a test")
    assert answer.success, answer.message


def ask(probe, service):
    probe.until(lambda: probe.call(Trigger, service).success, f"{service} to succeed")


def outcome_of(folder):
    return json.loads((folder / "summary.json").read_text())["outcome"]


def steps_of(estops):
    steps = [step.split() for step in estops[-1].steps if step.startswith("ros2 service call")]
    return [step[3] for step in steps]


@pytest.mark.parametrize("level", [EstopState.HOLD, EstopState.DAMPED])
def test_an_episode_that_is_stopped_ends_and_the_stack_stays_up_until_the_stop_is_left(
    checkpoint, short_cell, tmp_path, level
):
    run = tmp_path / "run"
    arguments = (f"checkpoint:={checkpoint}", f"output:={run}")
    with launched(*arguments, environment=short_cell) as system, probing(system) as probe:
        estops = probe.listen(EstopState, "gate/estop_state", qos.LATCHED)
        probe.until_gate_is(GateState.EXECUTING)
        press(probe, level)
        system.wait_for_line("RESULT .*stopped")
        assert outcome_of(run) == STOPPED
        system.wait_for_line(STAYS_UP)
        began_s = probe.gate.header.stamp.sec
        past_the_limit = began_s + 6
        probe.until(lambda: probe.gate.header.stamp.sec > past_the_limit, "the time limit to pass")
        press(probe, level)  # once more
        assert probe.gate.mode == GateState.ESTOP
        for service in steps_of(estops):
            ask(probe, service)
        probe.until_gate_is(GateState.EXECUTING)
        assert system.wait() != 0
        assert not system.processes()
    assert system.count("RESULT") == system.count(STAYS_UP) == 1, system.text
    assert system.count("Traceback") == 0, system.text


def test_a_stop_before_the_episode_begins_is_an_outcome_too(checkpoint, short_cell, tmp_path):
    run = tmp_path / "run"
    arguments = (f"checkpoint:={checkpoint}", f"output:={run}")
    with launched(*arguments, environment=short_cell) as system, probing(system) as probe:
        press(probe)
        system.wait_for_line(STAYS_UP)
        assert outcome_of(run) == STOPPED
        ask(probe, "gate/estop_reset")
        assert system.wait() != 0
    assert system.count("RESULT .*stopped .emergency stop. before it started") == 1, system.text
    assert system.count("Traceback") == 0, system.text


def test_a_policy_that_dies_leaves_the_stop_latched_until_people_leave_it(
    checkpoint, short_cell, tmp_path
):
    arguments = (f"checkpoint:={checkpoint}", f"output:={tmp_path / 'run'}")
    with launched(*arguments, environment=short_cell) as system, probing(system) as probe:
        probe.until_gate_is(GateState.EXECUTING)
        system.kill("policy_node")
        press(probe)
        system.wait_for_line(STAYS_UP)
        ask(probe, "gate/estop_reset")
        ask(probe, "gate/home")
        assert system.wait() != 0
        assert not system.processes()
    # Whichever end is seen first; the policy's own stands above either.
    first = "died.*the gate holds the arms|the episode was not carried out"
    assert system.count(first) == 1, system.text
    assert system.count(r"policy_node-\d+\]: process has died") == 1, system.text


@pytest.mark.parametrize("offset_s", [0.0, 0.1])
def test_a_session_that_dies_leaves_the_stop_latched_also_one_that_is_pressed_just_after(
    checkpoint, short_cell, tmp_path, offset_s
):
    arguments = (f"policies:={checkpoint}", f"output:={tmp_path / 'session'}", "trials:=2")
    with evaluation(*arguments, environment=short_cell) as system, probing(system) as probe:
        probe.until_gate_is(GateState.EXECUTING)
        system.kill("session_node", "session")
        time.sleep(offset_s)
        press(probe)
        system.wait_for_line(STAYS_UP)
        ask(probe, "gate/estop_reset")
        ask(probe, "gate/home")
        assert system.wait() != 0
        assert not system.processes()
    assert system.count("the same command goes on with it") == 1, system.text


class Table:
    """A launched session that a person judges."""

    def __init__(self, system, probe):
        self.system, self.probe = system, probe
        self.states = probe.listen(EvalState, "eval/state", qos.LATCHED)
        self.gates = probe.listen(GateState, "gate/state", qos.REPORT)

    def until(self, phase, words):
        def there():
            states = self.states
            return states and states[-1].phase == phase and words in states[-1].text

        self.probe.until(there, lambda: f"{words!r}, not {self.states[-1:]}", LONG_S)

    def ready(self):
        ask(self.probe, "eval/ready")

    def agrees_until_it_is_laid(self):
        again_s = 0.0

        def laid():
            # On a busy computer the way home may be refused or end early: people are asked again,
            # maybe in the same words.
            nonlocal again_s
            newest = self.states[-1]
            if "stand clear" in newest.text and time.monotonic() > again_s:
                again_s = time.monotonic() + AGAIN_S
                self.probe.call(Trigger, "eval/ready")
            return newest.phase == EvalState.LAYING and "lay the objects" in newest.text

        self.probe.until(laid, lambda: f"objects to be laid, not {self.states[-1:]}", LONG_S)

    def modes_since(self, begun):
        return {gate.mode for gate in self.gates[begun:]}

    def is_stopped_and_reset(self, probe):
        """Nothing moves by the reset: the session asks again, and says why."""
        press(probe)
        self.until(EvalState.WAITING, "the emergency stop is pressed")
        begun = len(self.gates)
        ask(probe, "gate/estop_reset")
        self.until(EvalState.LAYING, "the emergency stop was pressed; the arms go home")
        self.nothing_moves_before_somebody_agrees(begun)

    def nothing_moves_before_somebody_agrees(self, begun):
        assert not self.modes_since(begun) & {GateState.HOMING, GateState.EXECUTING}


def test_after_a_stop_or_a_silent_camera_arms_move_only_when_somebody_says_so(
    checkpoint, short_cell, tmp_path
):
    folder = tmp_path / "session"
    arguments = (f"policies:={checkpoint}", f"output:={folder}", "trials:=1")
    people = ("judge:=operator", "operator:=ada")
    with (
        evaluation(*arguments, *people, environment=short_cell) as system,
        probing(system) as probe,
    ):
        table = Table(system, probe)
        table.until(EvalState.LAYING, "the arms go home: stand clear")
        table.agrees_until_it_is_laid()

        # Stopped and reset while people lay the objects.
        table.is_stopped_and_reset(probe)
        table.agrees_until_it_is_laid()
        table.ready()
        table.until(EvalState.RUNNING, "trial 1")
        probe.until_gate_is(GateState.EXECUTING)
        table.until(EvalState.JUDGING, "then the arms go home")

        # Stopped on the way home.
        judged = probe.call(JudgeTrial, "eval/judge", outcome=JudgeTrial.Request.INVALID, note="x")
        assert judged.success, judged.message
        table.until(EvalState.LAYING, "trial 1 does not count; the arms go home: stand clear")
        table.ready()
        probe.until(lambda: probe.gate.mode == GateState.HOMING, "the way home", LONG_S)
        table.is_stopped_and_reset(probe)
        table.agrees_until_it_is_laid()

        # A camera falls silent in a trial, and somebody's hand brings it back.
        table.ready()
        probe.until_gate_is(GateState.EXECUTING)
        probe.inject("camera_silent", "left_wrist")
        table.until(EvalState.WAITING, "the left_wrist camera has been silent")
        begun = len(table.gates)
        probe.inject("none")
        table.until(EvalState.LAYING, "the left_wrist camera has been silent")
        assert "the arms go home: stand clear" in table.states[-1].text
        table.nothing_moves_before_somebody_agrees(begun)
        table.agrees_until_it_is_laid()
        assert system.count("Traceback") == 0, system.text


@pytest.mark.parametrize("fault", ["camera_silent", "joint_states_silent"])
def test_a_stop_just_after_a_fault_ends_neither_the_session_nor_the_latch(
    checkpoint, short_cell, tmp_path, fault
):
    folder = tmp_path / "session"
    # Whichever of the two comes first: a stopped trial is a failure, which counts.
    arguments = (f"policies:={checkpoint}", f"output:={folder}", "trials:=9")
    target = {"camera_silent": "head", "joint_states_silent": "right"}[fault]
    with evaluation(*arguments, environment=short_cell) as system, probing(system) as probe:
        table = Table(system, probe)
        estops = probe.listen(EstopState, "gate/estop_state", qos.LATCHED)
        for offset_s in (0.0, 0.02, 0.05, 0.1):
            table.until(EvalState.RUNNING, "policy A")
            probe.until_gate_is(GateState.EXECUTING)
            probe.inject(fault, target)
            # The session notices after 2 s: the stop comes around that moment.
            time.sleep(1.95 + offset_s)
            press(probe)
            table.until(EvalState.WAITING, "the emergency stop is pressed")
            assert estops[-1].active
            probe.inject("none")
            ask(probe, "gate/estop_reset")
        assert system.count("Traceback|was required|Caught exception") == 0, system.text

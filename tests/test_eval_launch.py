"""A session of trials through the launched system, with everything that goes wrong."""

import json
import shutil
import signal
from functools import partial

import av
import pytest
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from system import Terminal, launched, probing
from vega_eval.failure_types import COMMS, PLACEMENT
from vega_eval.trials import journal
from vega_eval.trials.folder import read_session
from vega_eval.trials.record import TrialOutcome
from vega_eval.trials.session_status import replay
from vega_msgs.msg import EvalState
from vega_msgs.srv import JudgeTrial
from vega_runtime import images, qos

from teleop.dataset.layout import read_infos

evaluation = partial(launched, file="eval.launch.py")
LONG_S = 240.0


@pytest.fixture(scope="module")
def short_cell(cell):
    """Trials of 3 s, cameras at 10 Hz: for tests of what happens, not of how fast."""
    return cell(fps=10, time_limit_s=3.0)


@pytest.fixture(scope="module")
def policies(checkpoint, tmp_path_factory):
    """Two policies that differ in nothing but a comment."""
    other = tmp_path_factory.mktemp("policies") / "other"
    shutil.copytree(checkpoint, other)
    with (other / "policy.yaml").open("a") as file:
        file.write("# another one\n")
    return [checkpoint, other]


def given(policies, folder, *more):
    return [f"policies:={','.join(map(str, policies))}", f"output:={folder}", *more]


def standing_of(folder):
    return replay(read_session(folder), journal.read(folder).lines)


@pytest.fixture(scope="module")
def killed_once(policies, short_cell, tmp_path_factory):
    """Two policies, one trial each; the session's node is killed during the second trial."""
    folder = tmp_path_factory.mktemp("sessions") / "killed"
    arguments = given(policies, folder, "trials:=1")
    plans, systems, codes, left = [], [], [], []
    for kill in (True, False):
        with evaluation(*arguments, environment=short_cell) as system:
            if kill:
                system.wait_for_line(r"\[session\]: trial 2: policy", LONG_S)
                system.kill("session_node", "session")
            codes.append(system.wait(LONG_S))
            systems.append(system)
            left.append(system.processes())
        plans.append((folder / "session.json").read_text())
    return folder, systems, codes, left, plans


def test_a_killed_session_takes_the_stack_down_and_says_how_to_go_on(killed_once):
    _, (first, _), (code, _), (left, _), _ = killed_once
    assert code != 0
    assert not left
    assert first.count("the same command goes on with it") == 1, first.text


def test_the_same_command_plays_what_is_missing(killed_once):
    folder, (_, second), (_, code), (_, left), plans = killed_once
    assert code == 0, second.text
    assert not left
    assert plans[0] == plans[1]
    played = [(r.trial, r.attempt, r.valid) for r in standing_of(folder).attempts]
    assert played == [(1, 1, True), (2, 1, False), (2, 2, True)]
    assert second.count("goes on with a session of 2 trials") == 1
    assert second.count("Traceback|has died") == 0, second.text


def test_each_trial_has_its_figures_video_and_recording(killed_once):
    folder = killed_once[0]
    for record in standing_of(folder).valid:
        figures = record.figures
        assert record.verdict.outcome is TrialOutcome.FAIL
        assert figures.duration_s == pytest.approx(3.0, abs=0.3)
        assert figures.policy_steps == pytest.approx(75, abs=5)
        assert figures.inference_ms.p50 > 0.0
        assert figures.moved_rad > 0.0
        with av.open(str(folder / record.files.video)) as file:
            assert sum(1 for _ in file.decode(video=0)) > 20
        assert (folder / record.files.recording / "episode.mcap").stat().st_size > 10_000
        assert (folder / record.files.reset).exists()
    second = standing_of(folder).valid[1]
    assert second.reset_difference == pytest.approx(0.0, abs=2.0)
    outcomes = {info.outcome for info in read_infos(folder / "recordings")}
    assert outcomes <= {"failure", "unjudged"}


def test_identities_are_opened_at_the_end_and_not_before(killed_once, policies):
    folder, (first, second), *_ = killed_once
    opened = json.loads((folder / "key.json").read_text())
    assert {p["checkpoint"] for p in opened["policies"].values()} == set(map(str, policies))
    before_the_end = second.text.split("every trial has been played")[0]
    after_it_began = before_the_end.split("goes on with a session")[1]
    for text in (first.text.split("begins a session")[1], after_it_began):
        assert not any(str(folder) in text for folder in policies)
    assert second.count("RESULT close_laptop .*: 0 of 1") == 2


def test_a_camera_that_dies_makes_the_trial_invalid_and_the_session_waits_for_it(
    policies, short_cell, tmp_path
):
    folder = tmp_path / "session"
    arguments = given(policies[:1], folder, "trials:=1", "namespace:=cell")
    with evaluation(*arguments, environment=short_cell) as system, probing(system, "cell") as probe:
        states = probe.listen(EvalState, "eval/state", qos.LATCHED)
        running = EvalState.RUNNING
        probe.until(lambda: any(s.phase == running for s in states), "a trial to run", LONG_S)
        probe.inject("camera_silent", "head")
        waits = EvalState.WAITING
        probe.until(lambda: states[-1].phase == waits, "the session to wait", LONG_S)
        assert "the head camera has been silent" in states[-1].text
        probe.inject("none")
        assert system.wait(LONG_S) == 0, system.text
    first, second = standing_of(folder).attempts
    assert (first.verdict.outcome, first.verdict.failure_type) == (
        TrialOutcome.INVALID,
        COMMS,
    )
    assert "head camera" in first.verdict.reason
    assert (second.trial, second.attempt, second.valid) == (1, 2, True)


def test_a_person_lays_judges_and_notes(policies, short_cell, tmp_path):
    folder = tmp_path / "session"
    arguments = given(
        policies[:1], folder, "trials:=1", "judge:=operator", "operator:=ada", "lighting:=lamps"
    )
    with evaluation(*arguments, environment=short_cell) as system, probing(system) as probe:
        states = probe.listen(EvalState, "eval/state", qos.LATCHED)

        def until(phase):
            probe.until(lambda: states and states[-1].phase == phase, f"phase {phase}", LONG_S)

        pictures = probe.listen(Image, "eval/reset_help", qos.SENSOR)
        until(EvalState.LAYING)
        assert "the arms go home: stand clear" in states[-1].text
        terminal = Terminal(system.domain, "vega_eval", "operator")
        probe.until(terminal.shows("stand clear"), "the operator's window", LONG_S)
        answered = []

        def laid():
            # On a busy computer something may fall silent on the way home: it is asked again then.
            if "stand clear" in states[-1].text and states[-1] not in answered:
                answered.append(states[-1])
                terminal.press("\n")
            return "lay the objects" in states[-1].text

        probe.until(laid, "the next request", LONG_S)
        assert "laptop" in states[-1].placement
        probe.until(lambda: pictures, "the reset help", LONG_S)
        assert images.from_message(pictures[-1]).shape == (480, 640, 3)
        assert not probe.call(JudgeTrial, "eval/judge", outcome=0).success
        assert probe.call(Trigger, "eval/ready").success
        until(EvalState.RUNNING)
        terminal.press("nthe table shook\n")
        probe.until(terminal.shows("noted: the table shook"), "the note", LONG_S)
        until(EvalState.JUDGING)
        refused = probe.call(JudgeTrial, "eval/judge", outcome=2, failure_type="IV")
        assert "expected one of I, II, III" in refused.message
        terminal.press("%")
        probe.until(terminal.shows("how far? 1 touched   2 folded"), "how far", LONG_S)
        terminal.press("1")
        probe.until(terminal.shows("2 grasp (II)"), "why", LONG_S)
        terminal.press("2")
        probe.until(terminal.shows("noted: partial"), "the judgement", LONG_S)
        assert terminal.close() == 0
        assert system.wait(LONG_S) == 0, system.text
    (record,) = standing_of(folder).valid
    verdict = record.verdict
    assert (verdict.outcome, verdict.failure_type) == (TrialOutcome.PARTIAL, PLACEMENT)
    assert (verdict.judged_by, verdict.note) == ("ada", "the table shook")
    assert (record.operator, record.lighting) == ("ada", "lamps")


def test_ctrl_c_ends_it_within_seconds_and_nothing_counts_that_was_not_finished(
    policies, short_cell, tmp_path
):
    folder = tmp_path / "session"
    arguments = given(policies, folder, "trials:=2")
    with evaluation(*arguments, environment=short_cell) as system:
        system.wait_for_line(r"\[session\]: trial 1: policy", LONG_S)
        system.send(signal.SIGINT)
        system.wait_for_line("SIGINT received|user interrupted")
        system.send(signal.SIGINT)  # a second, impatient one
        system.wait(30.0)
        assert not system.processes()
    assert system.count("Traceback") == 0, system.text
    assert system.count("the same command goes on where it stands") == 1, system.text
    assert all(not record.valid for record in standing_of(folder).attempts)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (["trials:=0"], r"trials:=0: expected a whole number from 1"),
        (["policies:=/nowhere"], r"policies:=/nowhere: expected a folder with a policy.yaml"),
        (["task:=close_laptops"], r"close_laptop"),
        (["judge:=operator"], r"who judges\? Give your name"),
        (["robot:=real", "judge:=rules"], r"only the twin knows whether the task is done"),
        (["polices:=a"], r"did you mean policies:="),
    ],
)
def test_what_cannot_be_evaluated_is_refused_with_a_sentence(policies, tmp_path, changed, told):
    folder = tmp_path / "session"
    base = [a for a in given(policies, folder) if a.split(":=")[0] not in changed[0]]
    with evaluation(*base, *changed) as system:
        assert system.wait(60.0) != 0
    assert system.count(told), system.text
    assert system.count("Traceback") == 0, system.text
    assert not folder.exists()


def test_a_checkpoint_that_does_not_load_is_named_before_anything_is_played(
    policies, short_cell, tmp_path
):
    broken = tmp_path / "broken"
    shutil.copytree(policies[0], broken)
    (broken / "model.safetensors").write_bytes(b"torn")
    folder = tmp_path / "session"
    arguments = given([policies[0], broken], folder)
    with evaluation(*arguments, environment=short_cell) as system:
        assert system.wait(LONG_S) != 0
    assert system.count(rf"\[session\]: .*{broken}"), system.text
    assert system.count("the session was not begun") == 1, system.text
    assert system.count("the same command") == 0
    assert not folder.exists()

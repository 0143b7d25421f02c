"""Nothing at a table begins to move without a consent newer than the last stop or fault."""

import contextlib
import random
from functools import partial

import pytest
from sessions import plan
from vega_eval.errors import EvalError
from vega_eval.session.operator_console import OperatorConsole, SessionPhase
from vega_eval.session.robot_backend import BackendError, Refused, SessionStopped, TrialResult
from vega_eval.session.trial_runner import RunnerOptions, TrialRunner
from vega_eval.trials.folder import SessionFolder
from vega_eval.trials.record import Files, TrialOutcome, TrialVerdict

from teleop.session.consent import Consent

INVALID = TrialVerdict(outcome=TrialOutcome.INVALID, progress=0.0, reason="a camera died")


class Table:
    """A table with a robot, people and bad luck, as dice or a script decide.

    Attributes:
        clear: Whether the newest of consents, stops and faults is a consent.
        moved: What has begun to move.
        happens: Called whenever time passes.
    """

    def __init__(self, folder, trials=2):
        self.session = SessionFolder.open_or_resume(folder, plan(trials=trials))
        self.consent = Consent()
        milestones = self.session.session.task_spec.milestones
        self.console = OperatorConsole(milestones, "ada", self.consent)
        self.now_s, self.stop, self.problem, self.pressed = 0.0, False, "", False
        self.clear, self.moved, self.shown, self.said = False, [], [], []
        self.refusal = ""
        self.happens = lambda: None
        options = RunnerOptions(
            True, 60.0, lambda: self.now_s, self.sleep, stopped=lambda: self.pressed
        )
        self.runner = TrialRunner(self.session, self, self.console, self, options)

    def run(self):
        try:
            return self.runner.run()
        finally:
            self.session.close()

    # What happens at the table.

    def trouble(self, problem, pressed=False):
        self.problem, self.pressed, self.clear = problem, pressed or self.pressed, False
        self.consent.interrupt(problem)

    def well(self):
        self.problem, self.pressed = "", False

    def agree(self):
        if self.console.ready().done:
            self.clear = True

    def sleep(self, seconds):
        self.now_s += seconds
        self.happens()
        if self.problem:  # as it is watched ten times a second
            self.trouble(self.problem)
        shown = (self.console.state.phase, self.console.state.text)
        if shown not in self.shown[-1:]:
            self.shown.append(shown)

    # The robot.

    def missing(self):
        return [self.problem] if self.problem else []

    def load(self, letter):
        pass

    def _moves(self, what, seconds=0.5):
        assert self.clear, f"{what} begins without a consent after the last trouble: {self.shown}"
        self.moved.append(what)
        begun = self.consent.interruptions
        for _ in range(int(seconds / 0.05)):
            self.sleep(0.05)
            if self.stop:
                raise SessionStopped
            if self.consent.interruptions != begun:
                raise BackendError(f"stopped on the way: {self.consent.why}")

    def home(self):
        if self.refusal:
            refusal, self.refusal, self.clear = self.refusal, "", False
            raise Refused(f"gate/home: {refusal}")
        self._moves("home")

    def reset_scene(self, placement, index):
        self._moves("scene", 0.1)

    def play(self, started, placement, folder):
        try:
            self._moves("play", 1.0)
        except BackendError as error:
            if self.pressed and "gate" in self.problem:
                raise Refused("gate/hold: emergency stop") from None
            if not self.pressed:
                self.clear = False
                return TrialResult(INVALID.model_copy(update={"reason": str(error)}), None, Files())
        return TrialResult(None, None, Files())

    def finish_recording(self, record):
        if not record.valid:
            self.clear = False

    # Who listens.

    def log(self, text):
        self.said.append(text)

    def stop_requested(self):
        return self.stop

    def early_end(self):
        return ""

    def record_fields(self):
        return {"operator": "ada"}


class Dice:
    """What may happen at any moment, and what people do about it."""

    def __init__(self, table, seed):
        self.table, self.random, self.left = table, random.Random(seed), 600

    def __call__(self):
        self.left -= 1
        self.table.stop = self.left <= 0
        if self.random.random() < 0.3:
            happens = (self.fault, self.press, self.well, self.well, self.ready, self.refuse)
            self.random.choice(happens)()
        if self.random.random() < 0.1:
            self.random.choice((self.judge, self.pause, self.resume, self.redo, self.end))()

    def fault(self):
        self.table.trouble(self.random.choice(("the head camera is silent", "an arm is disabled")))

    def press(self):
        self.table.trouble(f"stop ({self.random.choice(('gate', 'key'))})", pressed=True)

    def refuse(self):
        self.table.refusal = "no joint states of the left arm for 0.1 s"

    def well(self):
        self.table.well()

    def ready(self):
        self.table.agree()

    def judge(self):
        outcome = self.random.choice((TrialOutcome.SUCCESS, TrialOutcome.INVALID))
        self.table.console.judge(outcome, [], "", "why")

    def pause(self):
        self.table.console.pause()

    def resume(self):
        self.table.console.resume()

    def redo(self):
        self.table.console.redo()

    def end(self):
        if self.table.console.stop().done:
            self.table.clear = False


@pytest.mark.parametrize("seed", range(60))
def test_no_motion_begins_without_a_consent_newer_than_the_last_stop_or_fault(tmp_path, seed):
    table = Table(tmp_path / "session", trials=4)
    table.happens = Dice(table, seed)
    # It ends when the dice do, or because so many trials did not count.
    with contextlib.suppress(SessionStopped, EvalError):
        table.run()


def test_the_dice_reach_every_kind_of_motion(tmp_path):
    moved = set()
    for seed in range(12):
        table = Table(tmp_path / str(seed), trials=4)
        table.happens = Dice(table, seed)
        with contextlib.suppress(SessionStopped, EvalError):
            table.run()
        moved |= set(table.moved)
    assert moved == {"home", "scene", "play"}


def acting(table, *steps):
    """Takes each step as soon as its condition is true, and agrees to everything else."""
    waiting = list(steps)

    def happens():
        if waiting and waiting[0][0]():
            waiting.pop(0)[1]()
        elif table.console.state.phase is SessionPhase.JUDGING:
            table.console.judge(TrialOutcome.SUCCESS, [], "", "")
        elif not waiting or not waiting[0][2:]:
            table.agree()

    table.happens = happens
    return waiting


def test_a_stop_on_the_way_home_is_told_at_once_and_left_only_by_people(tmp_path):
    table = Table(tmp_path / "session", trials=1)
    shown = []
    waiting = acting(
        table,
        (lambda: table.moved == ["home"], partial(table.trouble, "the stop is pressed", True)),
        (lambda: table.console.state.phase is SessionPhase.WAITING, lambda: None),
        (lambda: True, table.well),
        (
            lambda: table.console.state.phase is SessionPhase.LAYING,
            lambda: shown.append((table.console.state.text, list(table.moved))),
            "nobody agrees before",
        ),
    )
    table.run()
    assert not waiting
    assert (SessionPhase.WAITING, "waits: the stop is pressed") in table.shown
    text, moved = shown[0]
    assert text == "the stop is pressed; the arms go home: stand clear, then eval/ready"
    assert moved == ["home"]


def test_a_way_home_that_is_refused_is_asked_for_again_only_after_another_consent(tmp_path):
    table = Table(tmp_path / "session", trials=1)
    table.refusal = "no joint states of the left arm for 0.1 s"
    acting(table)
    table.run()
    asked = [text for phase, text in table.shown if phase is SessionPhase.LAYING]
    home = "the arms go home: stand clear, then eval/ready"
    assert asked[:2] == [
        home,
        f"gate/home: no joint states of the left arm for 0.1 s; {home}",
    ]


def test_a_ready_in_the_moment_in_which_something_falls_silent_moves_nothing(tmp_path):
    table = Table(tmp_path / "session", trials=1)
    table.console.show(phase=SessionPhase.LAYING)
    answers = []
    missing = iter([[], ["the head camera is silent"]])

    def falls_silent():
        found = next(missing, [])
        if found:
            answers.append(table.console.ready().done)
        return found

    table.missing = falls_silent
    assert not table.runner._ask_consent("the arms go home")
    assert answers == [True]
    assert table.consent.barred() == "the head camera is silent"
    assert not table.console.ready().done


def test_a_camera_that_comes_back_while_objects_are_laid_is_no_consent(tmp_path):
    table = Table(tmp_path / "session", trials=1)
    lays = lambda: "lay the objects" in table.console.state.text  # noqa: E731
    waiting = acting(
        table,
        (lays, partial(table.trouble, "the wrist camera is silent")),
        (lambda: table.console.state.phase is SessionPhase.WAITING, table.well),
    )
    table.run()
    assert not waiting
    text = "the wrist camera is silent; the arms go home: stand clear, then eval/ready"
    assert (SessionPhase.LAYING, text) in table.shown
    assert table.moved[:4] == ["home", "scene", "home", "scene"]


def test_an_invalid_trial_and_a_pause_are_followed_by_a_question(tmp_path):
    table = Table(tmp_path / "session", trials=1)

    def runs():
        return table.console.state.phase is SessionPhase.RUNNING

    def does_not_count():
        table.clear = False
        assert table.console.judge(TrialOutcome.INVALID, [], "", "I bumped the table").done

    waiting = acting(
        table,
        (runs, does_not_count),
        (lambda: runs() and table.console.state.attempt == 2, table.console.pause),
        (lambda: table.console.state.phase is SessionPhase.PAUSED, table.console.resume),
    )
    table.run()
    assert not waiting
    asked = [text for _, text in table.shown if "the arms go home: stand clear" in text]
    assert [text.split(";")[0] for text in asked[1:]] == [
        "trial 1 does not count",
        "the session was paused",
    ]


def test_a_stop_is_waited_for_longer_than_anything_else_and_never_ends_the_session(tmp_path):
    table = Table(tmp_path / "session", trials=1)
    pressed_s = []

    def long_ago():
        pressed_s.append(table.now_s)
        return table.now_s - pressed_s[0] > 600.0

    waiting = acting(
        table,
        (lambda: "play" in table.moved, partial(table.trouble, "gate: stopped", True)),
        (long_ago, table.well),
    )
    table.run()
    assert not waiting
    assert table.session.status.attempts[0].verdict.reason == "gate/hold: emergency stop"
    assert len(table.session.status.valid) == 2


def test_faults_that_are_followed_by_stops_do_not_end_the_session_however_many(tmp_path):
    table = Table(tmp_path / "session", trials=1)
    plays = []

    def silent():
        plays.append(len(table.moved))
        table.trouble("the head camera is silent")

    def begins():
        return table.moved[-1:] == ["play"] and len(table.moved) not in plays

    def waits():
        return table.console.state.phase is SessionPhase.WAITING

    fault = (
        (begins, silent),
        (waits, partial(table.trouble, "the stop is pressed", True)),
        (lambda: table.console.state.text == "waits: the stop is pressed", table.well),
    )
    waiting = acting(table, *fault * 5)
    table.run()
    assert not waiting
    assert [record.valid for record in table.session.status.attempts].count(False) == 5

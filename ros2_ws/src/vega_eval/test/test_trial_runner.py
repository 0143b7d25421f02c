"""The order of a session, with a backend that obeys, fails or waits as each test wants."""

import pytest
from sessions import plan
from vega_eval.session.operator_console import OperatorConsole, SessionPhase
from vega_eval.session.robot_backend import BackendError, SessionStopped, TrialResult
from vega_eval.session.trial_runner import MOST_INVALID, RunnerOptions, TrialRunner
from vega_eval.trials.folder import SessionFolder
from vega_eval.trials.record import Figures, Files, TrialOutcome, TrialVerdict

SUCCESS = TrialVerdict(outcome=TrialOutcome.SUCCESS, progress=1.0)
FAIL = TrialVerdict(outcome=TrialOutcome.FAIL, progress=0.0)
INVALID = TrialVerdict(outcome=TrialOutcome.INVALID, progress=0.0, reason="a camera died")


class Backend:
    """Plays what `verdicts` says, and notes what it was asked for."""

    def __init__(self, verdicts=()):
        self.verdicts = list(verdicts)
        self.done = []
        self.lacking = []
        self.moved_rad = 5.0
        self.stopped = False
        self.on_play = lambda started: None

    def missing(self):
        return self.lacking.pop(0) if self.lacking else []

    def load(self, letter):
        self.done.append(f"load {letter}")

    def home(self):
        self.done.append("home")

    def reset_scene(self, placement, index):
        self.done.append(f"lay {index}")

    def play(self, started, placement, folder):
        self.done.append(f"play {started.policy}")
        self.on_play(started)
        verdict = self.verdicts.pop(0) if self.verdicts else SUCCESS
        figures = Figures(duration_s=1.0, policy_steps=25, moved_rad=self.moved_rad)
        return TrialResult(verdict, figures, Files(), stopped=self.stopped)

    def finish_recording(self, record):
        self.done.append(f"seal {record.verdict.outcome.value}")


class Run:
    """A trial runner over a session in a folder, which it listens to."""

    def __init__(self, folder, backend, judge=False, trials=2, patience_s=None, decided=None):
        self.session = SessionFolder.open_or_resume(folder, plan(trials=trials))
        self.console = OperatorConsole(self.session.session.task_spec.milestones, "ada")
        self.said, self.asleep, self.stop = [], [], False
        self.now_s = 0.0
        self.early_end = decided or (lambda: "")
        options = RunnerOptions(judge, patience_s, lambda: self.now_s, self._sleep)
        self.runner = TrialRunner(self.session, backend, self.console, self, options)

    def log(self, text):
        self.said.append(text)

    def stop_requested(self):
        return self.stop

    def record_fields(self):
        return {"operator": "ada"}

    def _sleep(self, seconds):
        self.now_s += seconds
        if self.asleep:
            self.asleep.pop(0)()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "session"


def test_each_trial_is_loaded_laid_played_and_written(folder):
    backend = Backend()
    run = Run(folder, backend, trials=1)
    assert run.runner.run() == "every trial has been played"
    first, second = (trial.policy for trial in run.session.session.schedule)
    steps = ["home", "lay 0"]
    assert backend.done == [
        *(f"load {first}", *steps, f"play {first}", "seal success"),
        *(f"load {second}", *steps, f"play {second}", "seal success"),
    ]
    assert [record.operator for record in run.session.status.valid] == ["ada", "ada"]


def test_an_invalid_trial_is_played_again_at_once(folder):
    run = Run(folder, Backend([INVALID]))
    run.runner.run()
    tried = [(r.trial, r.attempt, r.valid) for r in run.session.status.attempts]
    assert tried[:3] == [(1, 1, False), (1, 2, True), (2, 1, True)]
    assert len(run.session.status.valid) == 4


def test_many_invalid_trials_in_a_row_end_the_session_with_the_reason(folder):
    run = Run(folder, Backend([INVALID] * MOST_INVALID))
    with pytest.raises(BackendError, match=r"a camera died\. Mend it; the same command goes on"):
        run.runner.run()
    assert run.session.status.valid == ()


def test_trials_that_were_stopped_do_not_end_the_session_however_many_are_invalid(folder):
    backend = Backend([INVALID] * 2 * MOST_INVALID)
    backend.stopped = True
    run = Run(folder, backend, trials=1)
    assert run.runner.run() == "every trial has been played"
    assert len(run.session.status.attempts) == 2 * MOST_INVALID + 2


def test_a_crash_of_the_stack_makes_the_trial_invalid_never_a_failure(folder):
    backend = Backend()

    def die(started):
        raise BackendError("node policy died")

    backend.on_play = die
    run = Run(folder, backend)
    with pytest.raises(BackendError):
        run.runner.run()
    (record,) = run.session.status.attempts
    assert (record.verdict.outcome, record.verdict.reason) == (
        TrialOutcome.INVALID,
        "node policy died",
    )


def test_the_session_waits_for_what_is_missing_and_says_what(folder):
    backend = Backend()
    backend.lacking = [["the head camera is silent"]] * 3
    run = Run(folder, backend, trials=1)
    seen = []
    run.asleep = [lambda: seen.append((run.console.state.phase, run.console.state.text))]
    run.runner.run()
    assert seen == [(SessionPhase.WAITING, "waits: the head camera is silent")]


def test_patience_ends_with_what_was_missing(folder):
    backend = Backend()
    backend.lacking = [["no status of the left arm"]] * 1000
    run = Run(folder, backend, patience_s=10.0)
    with pytest.raises(BackendError, match="waited 10 s in vain: no status of the left arm"):
        run.runner.run()
    assert run.session.status.attempts == ()


def test_a_person_lays_and_judges(folder):
    run = Run(folder, Backend([None, None]), judge=True, trials=1)
    judgements = [(TrialOutcome.SUCCESS, ""), (TrialOutcome.FAIL, "I")]

    def operate():
        if run.console.state.phase is SessionPhase.LAYING:
            assert run.console.ready().done
        elif run.console.state.phase is SessionPhase.JUDGING:
            outcome, kind = judgements.pop(0)
            assert run.console.judge(outcome, [], kind, "").done

    run.asleep = [operate] * 10
    run.runner.run()
    assert [r.verdict.outcome for r in run.session.status.valid] == [
        TrialOutcome.SUCCESS,
        TrialOutcome.FAIL,
    ]
    assert {r.verdict.judged_by for r in run.session.status.valid} == {"ada"}


def test_arms_move_at_a_table_only_after_somebody_has_said_that_they_stand_clear(folder):
    backend = Backend([None, None])
    run = Run(folder, backend, judge=True, trials=1)
    asked = []

    def operate():
        if run.console.state.phase is SessionPhase.LAYING:
            asked.append((run.console.state.text.split(":")[0], list(backend.done)))
            run.console.ready()
        else:
            run.console.judge(TrialOutcome.SUCCESS, [], "", "")

    run.asleep = [operate] * 10
    run.runner.run()
    first, second, third = asked
    assert first[0] == "the arms go home"
    assert "home" not in first[1]
    assert second[0] == third[0] == "lay the objects, then eval/ready"


def test_a_trial_is_played_again_although_the_next_one_is_being_laid(folder):
    backend = Backend([None] * 3)
    run = Run(folder, backend, judge=True, trials=1)
    regretted = []

    def operate():
        state = run.console.state
        if state.phase is SessionPhase.JUDGING:
            run.console.judge(TrialOutcome.SUCCESS, [], "", "")
        elif state.trial == 2 and not regretted:
            regretted.append(run.console.redo().done)
        else:
            run.console.ready()

    run.asleep = [operate] * 30
    run.runner.run()
    tried = [(r.trial, r.attempt, r.valid) for r in run.session.status.attempts]
    assert tried == [(1, 1, False), (2, 1, True), (1, 2, True)]


def test_an_operator_s_word_is_stronger_than_the_rules(folder):
    backend = Backend([SUCCESS])
    run = Run(folder, backend, trials=1)
    spoken = []

    def cheat_seen(started):
        if not spoken:
            spoken.append(run.console.judge(TrialOutcome.INVALID, [], "", "I bumped the table"))

    backend.on_play = cheat_seen
    run.runner.run()
    first = run.session.status.attempts[0]
    assert (first.valid, first.verdict.reason) == (False, "I bumped the table")


def test_the_last_trial_can_be_played_again(folder):
    backend = Backend()
    run = Run(folder, backend, trials=1)

    def second_thoughts(started):
        if started.trial == 2 and started.attempt == 1:
            run.console.show(phase=SessionPhase.PREPARING)
            assert run.console.redo().done

    backend.on_play = second_thoughts
    run.runner.run()
    tried = [(r.trial, r.attempt, r.valid) for r in run.session.status.attempts]
    assert tried == [(1, 1, True), (2, 1, False), (2, 2, True)]


def test_a_pause_holds_before_the_next_trial(folder):
    backend = Backend()
    run = Run(folder, backend, trials=1)
    backend.on_play = lambda started: run.console.pause()
    phases = []

    def go_on():
        phases.append((run.console.state.phase, len(run.session.status.valid)))
        run.console.resume()

    run.asleep = [go_on] * 2
    run.runner.run()
    assert phases == [(SessionPhase.PAUSED, 1), (SessionPhase.PAUSED, 2)]


def test_ctrl_c_while_it_waits_loses_nothing_and_writes_no_failure(folder):
    backend = Backend()
    backend.lacking = [[], [], [], [], ["the left arm is not enabled"] * 1] + [["still"]] * 50
    run = Run(folder, backend)

    def interrupt():
        run.stop = True

    run.asleep = [interrupt]
    with pytest.raises(SessionStopped):
        run.runner.run()
    assert all(record.valid for record in run.session.status.attempts)


def test_ctrl_c_during_a_trial_makes_it_invalid(folder):
    backend = Backend()

    def stopped(started):
        raise SessionStopped

    backend.on_play = stopped
    run = Run(folder, backend)
    with pytest.raises(SessionStopped):
        run.runner.run()
    (record,) = run.session.status.attempts
    assert not record.valid
    assert "stopped during this trial" in record.verdict.reason


def test_a_policy_that_moves_nothing_is_told(folder):
    backend = Backend([FAIL] * 8)
    backend.moved_rad = 0.001
    run = Run(folder, backend, trials=4)
    run.runner.run()
    assert any("has moved nothing in 3 trials" in text for text in run.said)
    assert run.console.state.warnings


def test_a_decided_session_ends_early_if_that_is_wanted(folder):
    run = Run(folder, Backend(), trials=4, decided=lambda: "A is better")
    assert run.runner.run() == "A is better"


def test_notes_go_to_the_trial_that_runs_or_to_the_last_one(folder):
    backend = Backend()
    run = Run(folder, backend, trials=1)
    backend.on_play = lambda started: run.console.note(f"during {started.trial}")
    run.runner.run()
    assert [r.verdict.note for r in run.session.status.valid] == ["during 1", "during 2"]


def test_a_closed_session_is_not_gone_on_with(folder):
    first = Run(folder, Backend(), trials=4, decided=lambda: "A is better")
    first.session.finish(first.runner.run())
    first.session.close()
    backend = Backend()
    second = Run(folder, backend, trials=4)
    assert "was closed before" in second.runner.run()
    assert backend.done == []

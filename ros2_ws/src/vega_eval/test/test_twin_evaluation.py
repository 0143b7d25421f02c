"""Sessions in the twin, whoever plays them: what is written, and what when playing goes wrong."""

from __future__ import annotations

import json

import pytest
from vega_eval.errors import EvalError, SessionBusy, SessionError
from vega_eval.provenance import Provenance
from vega_eval.trials.blinding import PolicyIdentity
from vega_eval.trials.record import Figures, TrialOutcome, TrialVerdict
from vega_eval.twin.chunks import Timing
from vega_eval.twin.evaluation import MOST_TRIES, Request, play_all, sessions
from vega_eval.twin.jobs import JobFailure, JobResult
from vega_eval.twin.results import Pace, figures_of, result_lines

POLICIES = tuple(
    PolicyIdentity(name=name, checkpoint=f"/models/{name}", sha256=name * 4)
    for name in ("one", "two")
)
KILLED = JobFailure("the worker's process ended (SIGKILL)", permanent=False)


class FakePool:
    """Plays without a twin, newest job first; `failures` come before the first answers."""

    def __init__(self, size=2, failures=(), video=b""):
        self.size, self.failures, self.video = size, list(failures), video
        self.given, self.jobs, self.started = {}, [], False

    def start(self):
        self.started = True

    @property
    def free(self):
        return len(self.given) < self.size

    def submit(self, job_id, job):
        self.given[job_id] = job
        self.jobs.append(job)

    def wait(self):
        job_id, job = self.given.popitem()
        return [(job_id, self.failures.pop(0) if self.failures else self.answer(job))]

    def answer(self, job):
        done = job.checkpoint == "/models/one"
        verdict = TrialVerdict(
            outcome=TrialOutcome.SUCCESS if done else TrialOutcome.PARTIAL,
            progress=1.0 if done else 0.5,
        )
        return JobResult(verdict, Figures(duration_s=1.0 + job.seed, policy_steps=3), self.video)


@pytest.fixture
def request_(tmp_path):
    return Request(
        policies=POLICIES,
        tasks=("close_laptop",),
        variants=("easy",),
        trials=3,
        seed=4,
        timing=Timing(8, 3),
        output=tmp_path / "runs",
        known=Provenance("config", "commit", (("torch", "2"),)),
    )


def play(request, pool):
    told = []
    with sessions(request) as opened:
        play_all(opened, pool, request, lambda session, record: told.append(record))
        return opened, told


def test_all_policies_play_the_same_scenes_and_the_session_closes(request_):
    (session,), told = play(request_, FakePool())
    planned = session.session
    assert (planned.robot, planned.judge) == ("twin", "rules")
    assert planned.timing == {"replan_steps": 8, "delay_steps": 3}
    assert [placement.seed for placement in planned.placements] == [4, 5, 6]
    assert sorted((r.seed, r.policy) for r in told) == [(s, p) for s in (4, 5, 6) for p in "AB"]
    assert session.status.closed
    assert json.loads((session.folder / "key.json").read_text())["policies"].keys() == {"A", "B"}


def test_a_task_and_variant_is_a_session_of_its_own(request_):
    request = Request(**{**vars(request_), "variants": ("easy", "hard"), "trials": 1})
    opened, _ = play(request, FakePool())
    assert [s.folder.name for s in opened] == ["close_laptop-easy", "close_laptop-hard"]
    assert all(s.status.closed for s in opened)


def test_a_trial_whose_worker_dies_is_invalid_and_played_again(request_):
    (session,), told = play(request_, FakePool(failures=[KILLED]))
    bad = told[0]
    assert bad.verdict.outcome is TrialOutcome.INVALID
    assert "SIGKILL" in bad.verdict.reason
    again = [r for r in session.status.valid if r.trial == bad.trial]
    assert [r.attempt for r in again] == [2]
    assert len(session.status.valid) == 6


def test_a_trial_that_workers_die_of_ends_the_run_and_the_next_goes_on(request_):
    pool = FakePool(size=1, failures=[KILLED] * MOST_TRIES)
    with pytest.raises(EvalError, match=r"trial 1 of close_laptop-easy could not .* 3 times"):
        play(request_, pool)
    (session,), _ = play(request_, FakePool())
    first = [r for r in session.status.attempts if r.trial == 1]
    assert [r.attempt for r in first] == [1, 2, 3, 4]
    assert len(session.status.valid) == 6


def test_what_will_not_get_better_is_tried_once(request_):
    pool = FakePool(size=1, failures=[JobFailure("no OpenGL library", permanent=True)])
    with pytest.raises(EvalError, match="no OpenGL library"):
        play(request_, pool)
    assert len(pool.jobs) == 1


def test_a_run_that_is_complete_plays_nothing_more(request_):
    play(request_, FakePool())
    pool = FakePool()
    (session,), told = play(request_, pool)
    assert (pool.started, told) == (False, [])
    assert len(session.status.attempts) == 6


def test_two_runs_in_one_folder_are_refused(request_):
    with (
        sessions(request_),
        pytest.raises(SessionBusy, match="one at a time"),
        sessions(request_),
    ):
        pass


def test_another_evaluation_in_the_same_folder_is_refused(request_):
    play(request_, FakePool())
    for change in ({"trials": 4}, {"timing": Timing(8, 2)}, {"policies": POLICIES[:1]}):
        other = Request(**{**vars(request_), **change})
        with pytest.raises(SessionError, match="holds a"), sessions(other):
            pass


def test_a_checkpoint_may_be_moved_between_two_runs(request_):
    with pytest.raises(EvalError):
        play(request_, FakePool(size=1, failures=[KILLED] * MOST_TRIES))
    moved = tuple(p.model_copy(update={"checkpoint": f"/new/{p.name}"}) for p in POLICIES)
    pool = FakePool()
    play(Request(**{**vars(request_), "policies": moved}), pool)
    assert {job.checkpoint for job in pool.jobs} == {"/new/one", "/new/two"}


def test_a_video_is_kept_with_its_attempt(request_):
    (session,), told = play(request_, FakePool(failures=[KILLED], video=b"film"))
    assert told[0].files.video == ""
    for record in session.status.valid:
        assert record.files.video == f"trials/{record.trial:03d}-{record.attempt}/trial.mp4"
        assert (session.folder / record.files.video).read_bytes() == b"film"


def test_figures_and_lines_name_the_policies(request_):
    (session,), _ = play(request_, FakePool())
    figures = figures_of(session)
    by_name = {policy["name"]: policy for policy in figures["policies"]}
    assert by_name["one"]["success_rate"] == 1.0
    assert (by_name["two"]["successes"], by_name["two"]["progress"]) == (0, 0.5)
    assert by_name["one"]["outcomes"][0]["time_s"] == 5.0
    assert any("one: 3 of 3 trials succeeded" in line for line in result_lines([figures]))


def test_the_pace_is_that_of_this_run(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    pace = Pace(wanted=40, valid=20)
    assert str(pace) == "20/40"
    pace.valid, now[0] = 30, 60.0
    assert str(pace) == "30/40, 600 an hour, 1 min left"

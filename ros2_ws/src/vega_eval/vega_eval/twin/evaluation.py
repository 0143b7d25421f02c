"""Sessions of trials by a pool of workers; a folder for each task and variant is written here."""

from __future__ import annotations

import contextlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import hw_config
from vega_core.files import OutputFile
from vega_eval.errors import EvalError
from vega_eval.placements import consecutive
from vega_eval.provenance import Provenance
from vega_eval.trials.blinding import PolicyIdentity
from vega_eval.trials.folder import SessionFolder, SessionPlan
from vega_eval.trials.record import Files, TrialOutcome, TrialRecord, TrialStarted, TrialVerdict
from vega_eval.trials.schedule import Trial
from vega_eval.trials.session_spec import TaskSpec
from vega_eval.twin.chunks import Timing
from vega_eval.twin.jobs import Job, JobFailure, JobResult
from vega_eval.twin.worker_pool import WorkerPool

MOST_TRIES = 3  # of a trial that workers die of, in one run
VIDEO = "trial.mp4"


@dataclass(frozen=True)
class Request:
    """What is to be evaluated.

    Attributes:
        policies: All play the same.
        tasks, variants: Each task in each variant is a session.
        trials: Of each policy in each session.
        seed: Of the first scene; the others follow.
        timing: Of chunks.
        output: Where the sessions' folders are.
        known: Code and configuration of this process.
        video: Whether trials are filmed.
    """

    policies: tuple[PolicyIdentity, ...]
    tasks: tuple[str, ...]
    variants: tuple[str, ...]
    trials: int
    seed: int
    timing: Timing
    output: Path
    known: Provenance
    video: bool = False

    @property
    def folders(self) -> dict[Path, tuple[str, str]]:
        """Where the session of a task and variant is."""
        return {
            self.output / f"{task}-{variant}": (task, variant)
            for task in self.tasks
            for variant in self.variants
        }


@dataclass(frozen=True)
class _Pending:
    """A trial of a session that is to be played."""

    session: SessionFolder
    trial: Trial
    tries: int = 0


OnRecord = Callable[[SessionFolder, TrialRecord], None]


@contextlib.contextmanager
def sessions(request: Request) -> Iterator[tuple[SessionFolder, ...]]:
    """Makes the sessions of a request, or takes up those that are there.

    Raises:
        SessionBusy: Another process runs one of them.
        SessionError: One cannot be written, is damaged, or was planned otherwise.
    """
    with contextlib.ExitStack() as stack:
        opened = []
        for folder, (task, variant) in request.folders.items():
            session = SessionFolder.open_or_resume(folder, _plan(request, task, variant))
            stack.callback(session.close)
            opened.append(session)
        yield tuple(opened)


def _plan(request: Request, task: str, variant: str) -> SessionPlan:
    config = hw_config.load_task(task)
    return SessionPlan(
        task_spec=TaskSpec.of(config, variant),
        robot="twin",
        judge="rules",
        seed=request.seed,
        trials_each=request.trials,
        policies=request.policies,
        plan_placements=partial(consecutive, config, variant, first=request.seed),
        timing=request.timing.items(),
        config_sha256=request.known.config_sha256,
        commit=request.known.commit,
        versions=request.known.versions,
    )


def play_all(
    opened: Sequence[SessionFolder], pool: WorkerPool[Any], request: Request, on_record: OnRecord
) -> None:
    """Plays what is missing, and closes each session that is complete.

    Args:
        opened: Sessions of the request.
        pool: Started if need be.
        request: Says how trials are played.
        on_record: Gets every record when it is on the disk.

    Raises:
        EvalError: A trial cannot be played; what was played is kept.
    """
    waiting = deque(_Pending(s, trial) for s in opened for trial in s.status.missing)
    left = Counter(id(pending.session) for pending in waiting)
    running: dict[int, tuple[_Pending, TrialStarted]] = {}
    for session in opened:
        _close_if_done(session, left)
    if waiting:
        pool.start()
    given = 0
    while waiting or running:
        while waiting and pool.free:
            pending, given = waiting.popleft(), given + 1
            running[given] = pending, pending.session.begin(pending.trial)
            pool.submit(given, _job(pending, request))
        for job_id, answer in pool.wait():
            pending, started = running.pop(job_id)
            record = _record(pending.session, started, answer, request.known.config_sha256)
            pending.session.add(record)
            on_record(pending.session, record)
            if isinstance(answer, JobFailure):
                waiting.appendleft(_again(pending, answer))
            else:
                left[id(pending.session)] -= 1
                _close_if_done(pending.session, left)


def _close_if_done(session: SessionFolder, left: Counter[int]) -> None:
    if not left[id(session)] and not session.status.closed:
        session.finish("all trials were played")


def _job(pending: _Pending, request: Request) -> Job:
    session = pending.session.session
    seed = session.placements[pending.trial.placement].seed
    if seed is None:
        raise EvalError(
            f"{pending.session.folder}: placement {pending.trial.placement} has no seed"
        )
    return Job(
        task=session.task_spec.task,
        variant=session.task_spec.variant,
        seed=seed,
        checkpoint=_folder_of(pending, request),
        timing=request.timing,
        video=request.video,
        trial=pending.trial.number,
    )


def _folder_of(pending: _Pending, request: Request) -> str:
    """Where the checkpoint is now: it may have been moved since the session began."""
    digest = pending.session.key.policies[pending.trial.policy].sha256
    return next(policy.checkpoint for policy in request.policies if policy.sha256 == digest)


def _record(
    session: SessionFolder,
    started: TrialStarted,
    answer: JobResult | JobFailure,
    config_sha256: str,
) -> TrialRecord:
    if isinstance(answer, JobFailure):
        verdict = TrialVerdict(outcome=TrialOutcome.INVALID, progress=0.0, reason=answer.reason)
        return session.record(started, verdict, config_sha256=config_sha256)
    files = _keep_video(session, started, answer.video)
    return session.record(
        started, answer.verdict, figures=answer.figures, files=files, config_sha256=config_sha256
    )


def _keep_video(session: SessionFolder, started: TrialStarted, video: bytes) -> Files:
    if not video:
        return Files()
    path = session.attempt_folder(started) / VIDEO
    file = OutputFile(path)
    try:
        file.write(video)
        file.sync()
    finally:
        file.close()
    return Files(video=str(path.relative_to(session.folder)))


def _again(pending: _Pending, failure: JobFailure) -> _Pending:
    tried = replace(pending, tries=pending.tries + 1)
    if failure.permanent or tried.tries >= MOST_TRIES:
        times = "" if failure.permanent else f", {tried.tries} times"
        raise EvalError(
            f"trial {pending.trial.number} of {pending.session.folder.name} could not be "
            f"played{times}: {failure.reason}"
        )
    return tried

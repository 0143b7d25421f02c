"""Sessions of trials by a crew: a folder for each task and variant, written by this process."""

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
from vega_eval.trials.card import TaskCard
from vega_eval.trials.folder import Plan, SessionFolder
from vega_eval.trials.identity import Policy
from vega_eval.trials.record import Begun, Files, Outcome, TrialRecord, Verdict
from vega_eval.trials.schedule import Trial
from vega_eval.twin.chunks import Timing
from vega_eval.twin.crew import Crew
from vega_eval.twin.orders import Order, Played, Trouble

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

    policies: tuple[Policy, ...]
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
class _Job:
    """A trial of a session that is to be played."""

    session: SessionFolder
    trial: Trial
    tries: int = 0


Tell = Callable[[SessionFolder, TrialRecord], None]


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
            session = SessionFolder.take_up(folder, _plan(request, task, variant))
            stack.callback(session.close)
            opened.append(session)
        yield tuple(opened)


def _plan(request: Request, task: str, variant: str) -> Plan:
    config = hw_config.load_task(task)
    return Plan(
        card=TaskCard.of(config, variant),
        robot="twin",
        judge="rules",
        seed=request.seed,
        trials_each=request.trials,
        policies=request.policies,
        lay=partial(consecutive, config, variant, first=request.seed),
        timing=request.timing.items(),
        config_sha256=request.known.config_sha256,
        commit=request.known.commit,
        versions=request.known.versions,
    )


def play_all(
    opened: Sequence[SessionFolder], crew: Crew[Any], request: Request, tell: Tell
) -> None:
    """Plays what is missing, and closes each session that is complete.

    Args:
        opened: Sessions of the request.
        crew: Started if need be.
        request: Says how trials are played.
        tell: Gets every record when it is on the disk.

    Raises:
        EvalError: A trial cannot be played; what was played is kept.
    """
    waiting = deque(_Job(s, trial) for s in opened for trial in s.standing.missing)
    left = Counter(id(job.session) for job in waiting)
    running: dict[int, tuple[_Job, Begun]] = {}
    for session in opened:
        _close_if_done(session, left)
    if waiting:
        crew.start()
    given = 0
    while waiting or running:
        while waiting and crew.free:
            job, given = waiting.popleft(), given + 1
            running[given] = job, job.session.begin(job.trial)
            crew.give(given, _order(job, request))
        for ticket, answer in crew.wait():
            job, begun = running.pop(ticket)
            record = _record(job.session, begun, answer, request.known.config_sha256)
            job.session.add(record)
            tell(job.session, record)
            if isinstance(answer, Trouble):
                waiting.appendleft(_again(job, answer))
            else:
                left[id(job.session)] -= 1
                _close_if_done(job.session, left)


def _close_if_done(session: SessionFolder, left: Counter[int]) -> None:
    if not left[id(session)] and not session.standing.closed:
        session.finish("all trials were played")


def _order(job: _Job, request: Request) -> Order:
    session = job.session.session
    seed = session.placements[job.trial.placement].seed
    if seed is None:
        raise EvalError(f"{job.session.folder}: placement {job.trial.placement} has no seed")
    return Order(
        task=session.card.task,
        variant=session.card.variant,
        seed=seed,
        checkpoint=_folder_of(job, request),
        timing=request.timing,
        video=request.video,
    )


def _folder_of(job: _Job, request: Request) -> str:
    """Where the checkpoint is now: it may have been moved since the session began."""
    digest = job.session.key.policies[job.trial.policy].sha256
    return next(policy.checkpoint for policy in request.policies if policy.sha256 == digest)


def _record(
    session: SessionFolder, begun: Begun, answer: Played | Trouble, config_sha256: str
) -> TrialRecord:
    if isinstance(answer, Trouble):
        verdict = Verdict(outcome=Outcome.INVALID, progress=0.0, reason=answer.reason)
        return session.record(begun, verdict, config_sha256=config_sha256)
    files = _keep_video(session, begun, answer.video)
    return session.record(
        begun, answer.verdict, figures=answer.figures, files=files, config_sha256=config_sha256
    )


def _keep_video(session: SessionFolder, begun: Begun, video: bytes) -> Files:
    if not video:
        return Files()
    path = session.attempt_folder(begun) / VIDEO
    file = OutputFile(path)
    try:
        file.write(video)
        file.sync()
    finally:
        file.close()
    return Files(video=str(path.relative_to(session.folder)))


def _again(job: _Job, trouble: Trouble) -> _Job:
    tried = replace(job, tries=job.tries + 1)
    if trouble.for_good or tried.tries >= MOST_TRIES:
        times = "" if trouble.for_good else f", {tried.tries} times"
        raise EvalError(
            f"trial {job.trial.number} of {job.session.folder.name} could not be played{times}: "
            f"{trouble.reason}"
        )
    return tried

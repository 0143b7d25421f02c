"""A session's folder: made or resumed, written by one process at a time, never overwritten.

DIR/session.json     what was planned; see `session_spec`
DIR/key.sealed       which policy is which; key.json once the session is closed
DIR/trials.jsonl     one line a trial; see `journal`
DIR/trials/007-1/    video and images of an attempt
DIR/recordings/      MCAP recordings, a dataset that `teleop` reads
DIR/references/      the head camera's image of each placement
DIR/.lock            held by the one process that runs the session
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from vega_core.files import why, write_atomically
from vega_core.lock import FolderBusy, FolderLock
from vega_core.stamps import iso_utc
from vega_eval.errors import SessionBusy, SessionError
from vega_eval.trials import journal
from vega_eval.trials.blinding import (
    BLINDED_FILE,
    REVEALED_FILE,
    BlindingKey,
    PolicyIdentity,
    read_key,
)
from vega_eval.trials.record import (
    Amendment,
    Line,
    SessionEvent,
    TrialOutcome,
    TrialRecord,
    TrialStarted,
    TrialVerdict,
)
from vega_eval.trials.schedule import Placement, Trial, letters, schedule
from vega_eval.trials.session_spec import FILE_NAME, Judge, Robot, SessionSpec, TaskSpec
from vega_eval.trials.session_status import CLOSED, SessionStatus, replay

TRIALS, RECORDINGS, REFERENCES = "trials", "recordings", "references"
# What a session makes; a launch makes the logs before there is a session.
_KNOWN = {
    FILE_NAME,
    BLINDED_FILE,
    REVEALED_FILE,
    journal.FILE_NAME,
    TRIALS,
    RECORDINGS,
    REFERENCES,
    "logs",
    ".lock",
}
_CRASHED = "the session ended during this trial"


@dataclass(frozen=True)
class SessionPlan:
    """What a session is asked for.

    Attributes:
        task_spec: The task.
        robot: What stands behind the topics.
        judge: Who says how a trial went.
        seed: Of the schedule.
        trials_each: Trials of each policy.
        policies: In the order in which they were given.
        plan_placements: Plans this many placements; called for a new session only.
        operator: Who is there.
        lighting: What they note of the light.
        timing: See `Session`.
        config_sha256: Of hw_config.
        commit: Of the code.
        versions: Of packages that matter.
    """

    task_spec: TaskSpec
    robot: Robot
    judge: Judge
    seed: int
    trials_each: int
    policies: tuple[PolicyIdentity, ...]
    plan_placements: Callable[[int], Sequence[Placement]]
    operator: str = ""
    lighting: str = ""
    timing: tuple[tuple[str, int], ...] = ()
    config_sha256: str = ""
    commit: str = ""
    versions: tuple[tuple[str, str], ...] = ()


class SessionFolder:
    """The one writer of a session. Use `open_or_resume`; `close` it.

    Attributes:
        folder: It.
        session: What was planned.
        key: Which policy is which.
        damaged: Lines of the journal that could not be read, for people.
        resumed: Whether it had begun before.
    """

    def __init__(
        self, folder: Path, session: SessionSpec, key: BlindingKey, lock: FolderLock, resumed: bool
    ) -> None:
        self.folder = folder
        self.session = session
        self.key = key
        self.resumed = resumed
        self._lock = lock
        said = journal.read(folder)
        self.damaged = said.damaged
        self._lines: list[Line] = list(said.lines)
        self.status: SessionStatus = replay(session, self._lines)

    @staticmethod
    def check(folder: Path, plan: SessionPlan) -> None:
        """Refuses a folder that `open_or_resume` would refuse because of what lies in it.

        Args:
            folder: Of the session.
            plan: What is asked for; without policies they are not compared.

        Raises:
            SessionError: It holds another session, or something else.
        """
        folder = folder.expanduser().absolute()
        _refuse_foreign(folder)
        if (folder / FILE_NAME).exists():
            session = read_session(folder)
            _refuse_others(folder, session, read_key(folder, session.key_sha256), plan)

    @classmethod
    def open_or_resume(cls, folder: Path, plan: SessionPlan) -> SessionFolder:
        """Makes a session, or opens the one that is there if it is the same.

        Attempts that a crash cut off are recorded as invalid.

        Raises:
            SessionBusy: Another process runs it.
            SessionError: It cannot be written, is damaged, or was planned otherwise.
        """
        folder = folder.expanduser().absolute()
        lock = _locked(folder)
        try:
            resumed = (folder / FILE_NAME).exists()
            if resumed:
                session = read_session(folder)
                key = read_key(folder, session.key_sha256)
                _refuse_others(folder, session, key, plan)
            else:
                session, key = _create(folder, plan)
            opened = cls(folder, session, key, lock, resumed)
            opened._settle()
            return opened
        except OSError as error:
            lock.release()
            raise SessionError(f"{folder}: cannot be written ({error.strerror})") from None
        except BaseException:
            lock.release()
            raise

    def _settle(self) -> None:
        for started in self.status.cut_off:
            verdict = TrialVerdict(outcome=TrialOutcome.INVALID, progress=0.0, reason=_CRASHED)
            self.add(self.record(started, verdict, ended=started.started))
        if not self.status.closed:
            self.note("resumed" if self.resumed else "opened")

    def record(
        self, started: TrialStarted, verdict: TrialVerdict, ended: str = "", **known: object
    ) -> TrialRecord:
        """A record of an attempt; `known` are further fields of it."""
        trial = self.session.schedule[started.trial - 1]
        placement = self.session.placements[trial.placement]
        return TrialRecord.model_validate(
            {
                "session": self.session.id,
                "trial": started.trial,
                "attempt": started.attempt,
                "policy": started.policy,
                "placement": trial.placement,
                "seed": placement.seed,
                "cell": placement.cell,
                "started": started.started,
                "ended": ended or now_utc(),
                "verdict": verdict,
                "checkpoint_tag": self.key.tag(started.policy),
                **known,
            }
        )

    def begin(self, trial: Trial) -> TrialStarted:
        """Writes that a new attempt begins, and makes its folder."""
        number = self.next_attempt(trial)
        started = TrialStarted(
            trial=trial.number, attempt=number, policy=trial.policy, started=now_utc()
        )
        self._write(started)
        try:
            self.attempt_folder(started).mkdir(parents=True)
        except OSError as error:
            path = self.attempt_folder(started)
            raise SessionError(f"{path}: cannot be made ({error.strerror})") from None
        return started

    def next_attempt(self, trial: Trial) -> int:
        """The number of the next attempt at a trial: no folder has it, no line mentions it."""
        prefix = f"{trial.number:03d}-"
        used = [r.attempt for r in self.status.attempts if r.trial == trial.number]
        folders = (self.folder / TRIALS).glob(f"{prefix}*")
        used += [int(tail) for p in folders if (tail := p.name[len(prefix) :]).isdecimal()]
        return max(used, default=0) + 1

    def attempt_folder(self, started: TrialStarted) -> Path:
        """Where an attempt's video and images go."""
        return self.folder / TRIALS / f"{started.trial:03d}-{started.attempt}"

    def add(self, record: TrialRecord) -> None:
        """Writes how an attempt went; when this returns it is on the disk."""
        self._write(record)

    def amend(self, record: TrialRecord, verdict: TrialVerdict, by: str) -> None:
        """Writes another judgement of an attempt; the old one stays readable."""
        at = now_utc()
        amendment = Amendment(
            trial=record.trial, attempt=record.attempt, verdict=verdict, by=by, at=at
        )
        self._write(amendment)

    def note(self, event: str, text: str = "") -> None:
        """Writes what happened to the session."""
        self._write(SessionEvent(event=event, at=now_utc(), text=text))

    def finish(self, why: str) -> None:
        """Closes the session for good: the identities are revealed."""
        if not self.status.closed:
            self.note(CLOSED, why)
        write_atomically(self.folder / REVEALED_FILE, self.key.revealed_text())

    def close(self) -> None:
        """Lets others write."""
        self._lock.release()

    def _write(self, line: Line) -> None:
        journal.append(self.folder, line)
        self._lines.append(line)
        self.status = replay(self.session, self._lines)


def now_utc() -> str:
    """The time of day, as it is written."""
    return iso_utc(time.time_ns())


def read_session(folder: Path) -> SessionSpec:
    """What was planned for a session.

    Raises:
        SessionError: It is missing or damaged.
    """
    path = folder / FILE_NAME
    try:
        return SessionSpec.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise SessionError(
            f"{folder} is no session: {FILE_NAME} is missing. Give the folder that was written "
            "with eval.launch.py output:=... or python -m vega_eval.twin --output ..."
        ) from None
    except OSError as error:
        raise SessionError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SessionError(f"{path}: {where + ': ' if where else ''}{first['msg']}") from None


def _locked(folder: Path) -> FolderLock:
    try:
        _refuse_foreign(folder)
        folder.mkdir(parents=True, exist_ok=True)
        return FolderLock(folder, "evaluated into")
    except FolderBusy as error:
        raise SessionBusy(str(error)) from None
    except OSError as error:
        raise SessionError(f"{folder}: cannot be written ({why(error)})") from None


def _refuse_foreign(folder: Path) -> None:
    if not folder.exists() or (folder / FILE_NAME).exists():
        return
    if not folder.is_dir():
        raise SessionError(f"{folder} is no folder: give a new one for the session")
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in _KNOWN)
    if foreign:
        raise SessionError(
            f"{folder} is not empty and no session (it has {', '.join(foreign[:3])}): "
            "give a new folder, or that of a session to go on with"
        )


def _create(folder: Path, plan: SessionPlan) -> tuple[SessionSpec, BlindingKey]:
    given = letters(len(plan.policies), plan.seed)
    by_letter = dict(sorted(zip(given, plan.policies)))
    key = BlindingKey(salt=secrets.token_hex(8), policies=by_letter)
    session = SessionSpec(
        id=uuid.uuid4().hex,
        created=now_utc(),
        card=plan.task_spec,
        robot=plan.robot,
        judge=plan.judge,
        seed=plan.seed,
        trials_each=plan.trials_each,
        policies=tuple(by_letter),
        key_sha256=key.digest,
        placements=tuple(plan.plan_placements(plan.trials_each)),
        schedule=schedule(plan.trials_each, tuple(by_letter), plan.seed),
        operator=plan.operator,
        lighting=plan.lighting,
        timing=dict(plan.timing),
        config_sha256=plan.config_sha256,
        commit=plan.commit,
        versions=dict(plan.versions),
    )
    write_atomically(folder / BLINDED_FILE, key.blinded_text())
    write_atomically(folder / FILE_NAME, session.model_dump_json(indent=1) + "\n")
    return session, key


def _refuse_others(folder: Path, session: SessionSpec, key: BlindingKey, plan: SessionPlan) -> None:
    for what, old, new in (
        ("the task", session.task_spec.task, plan.task_spec.task),
        ("the variant", session.task_spec.variant, plan.task_spec.variant),
        ("what counts as success", session.task_spec, plan.task_spec),
        ("robot", session.robot, plan.robot),
        ("who judges", session.judge, plan.judge),
        ("the seed", session.seed, plan.seed),
        ("trials a policy", session.trials_each, plan.trials_each),
        ("the timing", session.timing, dict(plan.timing)),
    ):
        if old != new:
            raise SessionError(
                f"{folder} holds another session: {what} was {_short(old)}, is now {_short(new)}. "
                "Give the same again to go on with it, or another folder"
            )
    before = sorted((policy.sha256, policy.name) for policy in key.policies.values())
    now = sorted((policy.sha256, policy.name) for policy in plan.policies)
    if now and [sha256 for sha256, _ in before] != [sha256 for sha256, _ in now]:
        was, is_now = (", ".join(name for _, name in policies) for policies in (before, now))
        raise SessionError(
            f"{folder} holds a session of other policies, or a checkpoint has changed since: it "
            f"was {was}, is now {is_now}. Give the same "
            "again to go on with it, or another folder"
        )


def _short(value: object) -> str:
    if isinstance(value, TaskSpec):
        return f"{value.success!r} within {value.time_limit_s:g} s"
    return repr(value) if isinstance(value, str) else str(value)

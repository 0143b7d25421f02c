"""One session as a report reads it: what counts, what does not, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vega_eval.errors import SessionError
from vega_eval.trials import journal
from vega_eval.trials.blinding import BlindingKey, read_key
from vega_eval.trials.folder import read_session
from vega_eval.trials.record import Amendment, Line, SessionEvent, TrialRecord, TrialVerdict
from vega_eval.trials.session_spec import SessionSpec
from vega_eval.trials.session_status import CLOSED, SessionStatus, replay

_DIGITS = 12


@dataclass(frozen=True)
class Amended:
    """An attempt that was judged anew.

    Attributes:
        record: As it is judged now.
        before: As it was judged at first.
        by: Who changed it last.
        at: When, UTC.
    """

    record: TrialRecord
    before: TrialVerdict
    by: str
    at: str


@dataclass(frozen=True)
class Source:
    """One session.

    Attributes:
        folder: Where it lies.
        session: What was planned.
        key: Which policy is which; None where it stays hidden.
        status: What was played.
        amended: Attempts that were judged anew.
        closing: Why it was closed; empty while it is open.
        problems: What readers must know before they trust it.
    """

    folder: Path
    session: SessionSpec
    key: BlindingKey | None
    status: SessionStatus
    amended: tuple[Amended, ...]
    closing: str
    problems: tuple[str, ...]

    @property
    def name(self) -> str:
        """How people call it: its folder's name."""
        return self.folder.resolve().name

    def policy_id(self, letter: str) -> str:
        """What tells a policy apart from others in any session: the digest of its checkpoint.

        A session may let a checkpoint play against itself; its letters then are two policies.
        """
        if self.key is None:
            return letter
        sha256 = self.key.policies[letter].sha256
        twins = [other for other in self.key.policies.values() if other.sha256 == sha256]
        return sha256 if len(twins) == 1 else f"{sha256} {letter}"


def read_source(folder: Path, blinded: bool) -> Source:
    """A session from its folder.

    Args:
        folder: Of the session.
        blinded: Leave identities hidden; else the session must be closed.

    Raises:
        SessionError: It is missing, damaged, or open although identities are wanted.
    """
    if not folder.is_dir():
        raise SessionError(f"{folder}: no such folder; give that of a session of trials")
    session = read_session(folder)
    said = journal.read(folder)
    state = replay(session, said.lines)
    if not (blinded or state.closed):
        raise SessionError(
            f"{folder} is still open ({len(state.valid)} of {len(session.schedule)} trials are "
            "played), and its identities are hidden: close it first, or give --blinded for a "
            "report by letters"
        )
    key = None if blinded else read_key(folder, session.key_sha256)
    return Source(
        folder=folder,
        session=session,
        key=key,
        status=state,
        amended=_amended(said.lines, state.attempts),
        closing=_closing(said.lines),
        problems=tuple(_problems(session, key, state, said)),
    )


def _closing(lines: Sequence[Line]) -> str:
    events = [line for line in lines if isinstance(line, SessionEvent) and line.event == CLOSED]
    return events[0].text or CLOSED if events else ""


def _amended(lines: Iterable[Line], attempts: Sequence[TrialRecord]) -> tuple[Amended, ...]:
    first: dict[tuple[int, int], TrialRecord] = {}
    last: dict[tuple[int, int], Amendment] = {}
    for line in lines:
        if isinstance(line, TrialRecord):
            first.setdefault((line.trial, line.attempt), line)
        elif isinstance(line, Amendment):
            last[line.trial, line.attempt] = line
    return tuple(
        Amended(now, first[place].verdict, last[place].by, last[place].at)
        for now in attempts
        if (place := (now.trial, now.attempt)) in last
    )


def _problems(
    session: SessionSpec, key: BlindingKey | None, state: SessionStatus, said: journal.TrialJournal
) -> Iterable[str]:
    yield from said.damaged
    records = sum(isinstance(line, TrialRecord) for line in said.lines)
    if foreign := records - len(state.attempts):
        yield (
            f"{_count(foreign, 'record')} of another session, twice there, or of no trial of the "
            "schedule: left out"
        )
    if state.closed and state.missing:
        yield (
            f"closed with {len(state.valid)} of {len(session.schedule)} trials played. If what "
            "was seen led to that, only the sequential test keeps its error rate"
        )
    if state.cut_off:
        yield f"{_count(len(state.cut_off), 'attempt')} begun and not ended"
    changed = {r.config_sha256 for r in state.valid if r.config_sha256} - {session.config_sha256}
    if changed:
        yield f"hw_config changed during the session (to {', '.join(map(short, sorted(changed)))})"
    if session.commit.endswith("-dirty"):
        yield "the code that evaluated had changes that no commit has"
    swapped = [r.trial for r in state.valid if key and r.checkpoint_tag != key.tag(r.policy)]
    if swapped:
        yield (
            f"trials {', '.join(map(str, swapped))} lack the proof that the checkpoint which the "
            "key names has played them"
        )


def short(digest: str) -> str:
    """A digest as people read it."""
    return digest[:_DIGITS] or "unknown"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"

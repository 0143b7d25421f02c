"""The status of a session, replayed from its schedule and its journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vega_eval.trials.record import Amendment, Line, SessionEvent, TrialRecord, TrialStarted
from vega_eval.trials.schedule import Trial
from vega_eval.trials.session_spec import SessionSpec

CLOSED = "closed"


@dataclass(frozen=True)
class SessionStatus:
    """What was played and what is left.

    Attributes:
        session: The plan.
        attempts: Every attempt that has a record, in order, as it was judged last.
        cut_off: Attempts that began and have no record.
        closed: Whether identities are revealed.
    """

    session: SessionSpec
    attempts: tuple[TrialRecord, ...]
    cut_off: tuple[TrialStarted, ...]
    closed: bool

    @property
    def valid(self) -> tuple[TrialRecord, ...]:
        """The attempts that count: the first valid one of each trial, by trial."""
        found: dict[int, TrialRecord] = {}
        for record in self.attempts:
            if record.valid:
                found.setdefault(record.trial, record)
        return tuple(found[number] for number in sorted(found))

    @property
    def missing(self) -> tuple[Trial, ...]:
        """Trials that have no valid attempt yet, in order."""
        done = {record.trial for record in self.valid}
        return tuple(trial for trial in self.session.schedule if trial.number not in done)

    def of(self, policy: str) -> tuple[TrialRecord, ...]:
        """The attempts of a policy that count."""
        return tuple(record for record in self.valid if record.policy == policy)

    def rows(self, policies: Sequence[str]) -> list[tuple[TrialRecord, ...]]:
        """For each placement that all these policies have played, their trials in this order."""
        by_place = {(r.placement, r.policy): r for r in self.valid}
        rows = []
        for placement in range(len(self.session.placements)):
            row = [by_place.get((placement, policy)) for policy in policies]
            whole = tuple(record for record in row if record is not None)
            if len(whole) == len(policies):
                rows.append(whole)
        return rows


def replay(session: SessionSpec, lines: Iterable[Line]) -> SessionStatus:
    """The status that the journal leads to; records of another session are left out."""
    known = {trial.number: trial for trial in session.schedule}
    records: dict[tuple[int, int], TrialRecord] = {}
    started: dict[tuple[int, int], TrialStarted] = {}
    closed = False
    for line in lines:
        if isinstance(line, TrialRecord):
            if line.session == session.id and _fits(known.get(line.trial), line):
                records.setdefault((line.trial, line.attempt), line)
        elif isinstance(line, TrialStarted):
            started.setdefault((line.trial, line.attempt), line)
        elif isinstance(line, Amendment):
            before = records.get((line.trial, line.attempt))
            if before is not None:
                amended = before.model_copy(update={"verdict": line.verdict})
                records[line.trial, line.attempt] = amended
        elif isinstance(line, SessionEvent) and line.event == CLOSED:
            closed = True
    cut_off = tuple(started[key] for key in sorted(started.keys() - records.keys()))
    return SessionStatus(session, tuple(records.values()), cut_off, closed)


def _fits(trial: Trial | None, record: TrialRecord) -> bool:
    return trial is not None and (trial.policy, trial.placement) == (
        record.policy,
        record.placement,
    )

"""The operator's side of a session: what may be asked when, and what was answered.

Services call its verbs from one thread, the trial runner asks from another: whatever is both read
and written is so under one lock, so that what was answered with yes is never lost. Where rules
judge, nobody need be there, and everything works all the same: an operator may pause, stop a trial,
call one invalid or add a note.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from teleop.session.consent import Consent
from vega_eval.failure_types import FAILURE_TYPES, FailureType, in_order
from vega_eval.trials.record import TrialOutcome, TrialRecord, TrialVerdict, share


class SessionPhase(enum.IntEnum):
    """What the session is doing; the numbers are those of vega_msgs/EvalState."""

    PREPARING = 0
    WAITING = 1
    LAYING = 2
    RUNNING = 3
    JUDGING = 4
    PAUSED = 5
    FINISHED = 6


_IN_TRIAL = (SessionPhase.LAYING, SessionPhase.RUNNING, SessionPhase.JUDGING)


class ConsoleAnswer(NamedTuple):
    """Whether what was asked for is done, and why not, or what follows."""

    done: bool
    text: str


@dataclass(frozen=True)
class ConsoleState:
    """What the session shows its operator.

    Attributes:
        phase: What it is doing.
        text: For people.
        trial: Number of the present trial; 0 before the first.
        attempt: At it.
        policy: Letter.
        placement: Where the objects lie.
        valid: Trials that count so far.
        warnings: What an operator should check.
    """

    phase: SessionPhase = SessionPhase.PREPARING
    text: str = "starting"
    trial: int = 0
    attempt: int = 0
    policy: str = ""
    placement: str = ""
    valid: int = 0
    warnings: tuple[str, ...] = ()


@dataclass
class _Requests:
    """What the operator has asked for and the session has not taken yet."""

    ready: bool = False
    verdict: TrialVerdict | None = None
    verdict_taken: bool = False
    stop: bool = False
    redo: bool = False
    pause: bool = False
    notes: list[str] = field(default_factory=list)


class OperatorConsole:
    """Between the operator and the trial runner; safe to be used by both at once.

    Attributes:
        consent: Of the people at the table: `ready` gives it, `stop` ends it.
    """

    def __init__(self, milestones: Sequence[str], by: str, consent: Consent | None = None) -> None:
        """Begins.

        Args:
            milestones: Of the task, in order; the last one is success.
            by: The operator's name, or `rules`.
            consent: Of the people at the table; none has been given where it is left out.
        """
        self._milestones, self._by = tuple(milestones), by
        self.consent = consent or Consent()
        self._requests = _Requests()
        self._lock = threading.Lock()
        self._state = ConsoleState()

    @property
    def state(self) -> ConsoleState:
        """What is shown now."""
        with self._lock:
            return self._state

    # The operator's verbs.

    def ready(self) -> ConsoleAnswer:
        """The objects lie as they should, and people stand clear of the arms."""
        with self._lock:
            if self._state.phase is not SessionPhase.LAYING:
                text = f"nothing has to be laid now: {self._state.text}"
                return ConsoleAnswer(False, text)
            self._requests.ready = True
            self.consent.give()
            return ConsoleAnswer(True, "noted; the arms begin to move")

    def judge(
        self, outcome: TrialOutcome, milestones: Sequence[str], failure: str, note: str
    ) -> ConsoleAnswer:
        """Says how the present trial went; ends it if it runs."""
        refusal, kind = self._refusal(outcome, milestones, failure, note)
        with self._lock:
            over = self._requests.verdict_taken
            if over or self._state.phase not in (SessionPhase.RUNNING, SessionPhase.JUDGING):
                return ConsoleAnswer(False, f"no trial to judge: {self._state.text}")
            if refusal:
                return ConsoleAnswer(False, refusal)
            self._requests.verdict = self._verdict(outcome, milestones, kind, note)
            return ConsoleAnswer(True, f"noted: {outcome.value}")

    def _refusal(
        self, outcome: TrialOutcome, milestones: Sequence[str], failure: str, note: str
    ) -> tuple[str, FailureType | None]:
        """Why this is no judgement, empty if it is one; and the type of failure."""
        unknown = sorted(set(milestones) - set(self._milestones))
        if unknown:
            known = ", ".join(self._milestones)
            return f"unknown milestone {', '.join(unknown)}; they are: {known}", None
        try:
            kind = FAILURE_TYPES.get(failure) if failure else None
        except ValueError:
            known = ", ".join(each.value for each in in_order())
            return f"unknown failure type {failure!r}; expected one of {known}", None
        if outcome is TrialOutcome.INVALID and not note:
            return "an invalid trial needs a note that says why it does not count", None
        return "", kind

    def _verdict(
        self, outcome: TrialOutcome, milestones: Sequence[str], kind: FailureType | None, note: str
    ) -> TrialVerdict:
        """A judgement by this operator; progress follows from the milestones."""
        success = outcome is TrialOutcome.SUCCESS
        reached = {name: success or name in milestones for name in self._milestones}
        reached[self._milestones[-1]] = success
        return TrialVerdict(
            outcome=outcome,
            progress=1.0 if success else share(reached),
            milestones=reached,
            failure_type=None if success else kind,
            reason=note if outcome is TrialOutcome.INVALID else "",
            note="" if outcome is TrialOutcome.INVALID else note,
            judged_by=self._by,
        )

    def stop(self) -> ConsoleAnswer:
        """Ends the present trial; the arms hold."""
        with self._lock:
            if self._state.phase is not SessionPhase.RUNNING:
                return ConsoleAnswer(False, f"no trial runs: {self._state.text}")
            self._requests.stop = True
            self.consent.interrupt("the trial was ended by hand")
            return ConsoleAnswer(True, "the trial ends")

    def redo(self) -> ConsoleAnswer:
        """The last recorded trial becomes invalid and is played again."""
        with self._lock:
            if self._state.phase is SessionPhase.FINISHED:
                return ConsoleAnswer(False, "the session is closed")
            if self._state.phase in (SessionPhase.RUNNING, SessionPhase.JUDGING):
                return ConsoleAnswer(False, "not now: judge the present trial first")
            if self._state.valid == 0:
                return ConsoleAnswer(False, "no trial has been recorded yet")
            self._requests.redo = True
            return ConsoleAnswer(True, "the last trial will be played again")

    def note(self, text: str) -> ConsoleAnswer:
        """Adds a note to the present trial, or to the last one if none runs."""
        if not text.strip():
            return ConsoleAnswer(False, "an empty note")
        with self._lock:
            self._requests.notes.append(text.strip())
        return ConsoleAnswer(True, f"noted: {text.strip()}")

    def pause(self) -> ConsoleAnswer:
        """Pauses before the next trial."""
        with self._lock:
            if self._state.phase is SessionPhase.FINISHED:
                return ConsoleAnswer(False, "the session is finished")
            self._requests.pause = True
            in_trial = self._state.phase in _IN_TRIAL
            return ConsoleAnswer(True, "pauses after this trial" if in_trial else "pauses")

    def resume(self) -> ConsoleAnswer:
        """Goes on."""
        with self._lock:
            if not self._requests.pause:
                return ConsoleAnswer(False, "it is not paused")
            self._requests.pause = False
            return ConsoleAnswer(True, "it goes on")

    # The trial runner's side.

    def show(self, **changes: object) -> None:
        """Changes what is shown."""
        with self._lock:
            self._state = replace(self._state, **changes)  # type: ignore[arg-type]

    @property
    def paused(self) -> bool:
        """Whether the operator wants a pause."""
        with self._lock:
            return self._requests.pause

    def reset_requests(self, **changes: object) -> None:
        """Changes what is shown and forgets what was asked about what was shown before."""
        with self._lock:
            now = self._requests
            now.ready, now.verdict, now.stop, now.verdict_taken = False, None, False, False
            self._state = replace(self._state, **changes)  # type: ignore[arg-type]

    def is_ready(self) -> bool:
        """Whether the objects lie."""
        with self._lock:
            return self._requests.ready

    def is_stopped(self) -> bool:
        """Whether the present trial has to end: somebody stopped or judged it."""
        with self._lock:
            return self._requests.stop or self._requests.verdict is not None

    def take_verdict(self, by_rules: TrialVerdict | None = None) -> TrialVerdict | None:
        """The operator's verdict on the present trial, else that of the rules.

        Once there is one, nobody can judge the trial any more.
        """
        with self._lock:
            verdict = self._requests.verdict or by_rules
            self._requests.verdict_taken = verdict is not None
            return verdict

    def take_redo(self) -> bool:
        """Whether the last trial has to be played again; asks no second time."""
        with self._lock:
            asked, self._requests.redo = self._requests.redo, False
            return asked

    def take_notes(self) -> str:
        """The notes since the last call."""
        with self._lock:
            notes, self._requests.notes = self._requests.notes, []
            return "; ".join(notes)


def with_note(record: TrialRecord, note: str) -> TrialVerdict:
    """A record's verdict with a further note."""
    before = record.verdict
    return before.model_copy(update={"note": "; ".join(filter(None, (before.note, note)))})

"""The operator's side of a session: what may be asked when, and what was answered.

Services and keys call its verbs from one thread; the session asks from another. Where rules judge,
nobody need be there, and everything works all the same: an operator may pause, stop a trial, call
one invalid or add a note.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from vega_eval.failure_types import FAILURE_TYPES, FailureType, in_order
from vega_eval.trials.record import Outcome, TrialRecord, Verdict, share


class Phase(enum.IntEnum):
    """What the session is doing; the numbers are those of vega_msgs/EvalState."""

    PREPARING = 0
    WAITING = 1
    LAYING = 2
    RUNNING = 3
    JUDGING = 4
    PAUSED = 5
    FINISHED = 6


class Answer(NamedTuple):
    """Whether what was asked for is done, and why not, or what follows."""

    done: bool
    text: str


@dataclass(frozen=True)
class State:
    """How the session stands.

    Attributes:
        phase: What it is doing.
        text: For people.
        trial: Number of the present trial; 0 before the first.
        attempt: At it.
        policy: Letter.
        placement: Where the objects lie.
        valid: Trials that count so far.
        warnings: What an operator should look at.
    """

    phase: Phase = Phase.PREPARING
    text: str = "starting"
    trial: int = 0
    attempt: int = 0
    policy: str = ""
    placement: str = ""
    valid: int = 0
    warnings: tuple[str, ...] = ()


@dataclass
class _Asked:
    """What the operator has asked for and the session has not taken yet."""

    ready: bool = False
    verdict: Verdict | None = None
    stop: bool = False
    redo: bool = False
    pause: bool = False
    notes: list[str] = field(default_factory=list)


class Desk:
    """Between the operator and the session."""

    def __init__(
        self,
        milestones: Sequence[str],
        by: str,
        changed: Callable[[State], None] = lambda state: None,
    ) -> None:
        """Begins.

        Args:
            milestones: Of the task, in order; the last one is success.
            by: The operator's name, or `rules`.
            changed: Gets the new state, in the thread that changed it.
        """
        self._milestones, self._by, self._changed = tuple(milestones), by, changed
        self._asked = _Asked()
        self._lock = threading.Lock()
        self._state = State()

    @property
    def state(self) -> State:
        """How the session stands."""
        return self._state

    # The operator's verbs.

    def ready(self) -> Answer:
        """The objects lie as they should."""
        if self._state.phase is not Phase.LAYING:
            return Answer(False, f"nothing has to be laid now: {self._state.text}")
        self._asked.ready = True
        return Answer(True, "the trial begins")

    def judge(self, outcome: Outcome, milestones: Sequence[str], failure: str, note: str) -> Answer:
        """Says how the present trial went; ends it if it runs."""
        if self._state.phase not in (Phase.RUNNING, Phase.JUDGING):
            return Answer(False, f"no trial to judge: {self._state.text}")
        unknown = sorted(set(milestones) - set(self._milestones))
        if unknown:
            known = ", ".join(self._milestones)
            return Answer(False, f"unknown milestone {', '.join(unknown)}; they are: {known}")
        try:
            kind = FAILURE_TYPES.get(failure) if failure else None
        except ValueError:
            known = ", ".join(each.value for each in in_order())
            return Answer(False, f"unknown failure type {failure!r}; expected one of {known}")
        if outcome is Outcome.INVALID and not note:
            return Answer(False, "an invalid trial needs a note that says why it does not count")
        self._asked.verdict = self.verdict(outcome, milestones, kind, note)
        return Answer(True, f"noted: {outcome.value}")

    def verdict(
        self,
        outcome: Outcome,
        milestones: Sequence[str],
        kind: FailureType | None,
        note: str = "",
    ) -> Verdict:
        """A judgement by this operator; progress follows from the milestones."""
        success = outcome is Outcome.SUCCESS
        reached = {name: success or name in milestones for name in self._milestones}
        reached[self._milestones[-1]] = success
        return Verdict(
            outcome=outcome,
            progress=1.0 if success else share(reached),
            milestones=reached,
            failure_type=None if success else kind,
            reason=note if outcome is Outcome.INVALID else "",
            note="" if outcome is Outcome.INVALID else note,
            judged_by=self._by,
        )

    def stop(self) -> Answer:
        """Ends the present trial; the arms hold."""
        if self._state.phase is not Phase.RUNNING:
            return Answer(False, f"no trial runs: {self._state.text}")
        self._asked.stop = True
        return Answer(True, "the trial ends")

    def redo(self) -> Answer:
        """The last recorded trial becomes invalid and is played again."""
        if self._state.phase is Phase.FINISHED:
            return Answer(False, "the session is closed")
        if self._state.phase in (Phase.RUNNING, Phase.JUDGING):
            return Answer(False, "not now: judge the present trial first")
        if self._state.valid == 0:
            return Answer(False, "no trial has been recorded yet")
        self._asked.redo = True
        return Answer(True, "the last trial will be played again")

    def note(self, text: str) -> Answer:
        """Adds a note to the present trial, or to the last one if none runs."""
        if not text.strip():
            return Answer(False, "an empty note")
        self._asked.notes.append(text.strip())
        return Answer(True, f"noted: {text.strip()}")

    def pause(self) -> Answer:
        """Pauses before the next trial."""
        if self._state.phase is Phase.FINISHED:
            return Answer(False, "the session is finished")
        self._asked.pause = True
        begun = self._state.phase in (Phase.LAYING, Phase.RUNNING, Phase.JUDGING)
        return Answer(True, "pauses after this trial" if begun else "pauses")

    def resume(self) -> Answer:
        """Goes on."""
        if not self._asked.pause:
            return Answer(False, "it is not paused")
        self._asked.pause = False
        return Answer(True, "it goes on")

    # The session's side.

    def show(self, **changes: object) -> None:
        """Changes the state."""
        self._state = replace(self._state, **changes)  # type: ignore[arg-type]
        self._changed(self._state)

    @property
    def paused(self) -> bool:
        """Whether the operator wants a pause."""
        return self._asked.pause

    def forget(self) -> None:
        """A new trial begins: what was asked about the one before is over."""
        self._asked.ready, self._asked.verdict, self._asked.stop = False, None, False

    def is_ready(self) -> bool:
        """Whether the objects lie."""
        return self._asked.ready

    def is_stopped(self) -> bool:
        """Whether the present trial has to end: somebody stopped or judged it."""
        return self._asked.stop or self._asked.verdict is not None

    def judged(self) -> Verdict | None:
        """How the operator judged the present trial, once they have."""
        return self._asked.verdict

    def takes_redo(self) -> bool:
        """Whether the last trial has to be played again; asks no second time."""
        with self._lock:
            asked, self._asked.redo = self._asked.redo, False
            return asked

    def take_notes(self) -> str:
        """The notes since the last call."""
        with self._lock:
            notes, self._asked.notes = self._asked.notes, []
            return "; ".join(notes)


def with_note(record: TrialRecord, note: str) -> Verdict:
    """A record's verdict with a further note."""
    before = record.verdict
    return before.model_copy(update={"note": "; ".join(filter(None, (before.note, note)))})

"""The order of a session: trial after trial, each loaded, laid, played, judged and written.

Knows nothing of ROS: the stack does what it is told and says what happened.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from vega_eval.errors import EvalError
from vega_eval.session.operator_console import OperatorConsole, Phase, with_note
from vega_eval.session.stack import Played, Stack, StackError, Stopped
from vega_eval.trials.folder import SessionFolder
from vega_eval.trials.record import TrialOutcome, TrialRecord, TrialStarted, TrialVerdict
from vega_eval.trials.schedule import Placement, Trial

_POLL_S = 0.05
_LOOK_AGAIN_S, _TRY_AGAIN_S = 0.2, 2.0
MOST_INVALID = 3
"""So many invalid attempts one after the other end a session: something is wrong with the cell."""
MOST_STILL = 3
_STILL_RAD = 0.02


class Conductor:
    """Plays what a session's schedule still misses.

    Args:
        folder: The session.
        stack: What plays.
        console: The operator's side.
        judge: Whether a person judges, and lays the objects.
        tell: Gets a line for people now and then.
        stopping: Whether the end was asked for.
        decided: Says after each trial why the session may end early, empty if it may not.
        known: Further fields of every record.
        patience_s: How long to wait for what is missing; None waits for as long as it takes.
    """

    def __init__(
        self,
        folder: SessionFolder,
        stack: Stack,
        console: OperatorConsole,
        judge: bool,
        tell: Callable[[str], None],
        stopping: Callable[[], bool],
        decided: Callable[[], str] = lambda: "",
        known: Callable[[], dict[str, Any]] = dict,
        patience_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder, self._stack, self._console, self._judge = folder, stack, console, judge
        self._tell, self._stopping, self._decided, self._known = tell, stopping, decided, known
        self._patience_s, self._clock, self._sleep = patience_s, clock, sleep
        self._invalid = 0
        self._expected = False  # somebody at the table knows that the arms will move
        self._still: dict[str, int] = {}

    def run(self) -> str:
        """Plays until every trial has a valid attempt; returns why it is over.

        Raises:
            Stopped: The end was asked for; the same session can be taken up again.
            EvalError: Something has to be mended first; as above.
        """
        while not self._folder.status.closed:
            self._between()
            missing = self._folder.status.missing
            why = self._decided() if missing else "every trial has been played"
            if why:
                return why
            self._trial(missing[0])
        return "the session was closed before; another one wants another folder"

    def _between(self) -> None:
        """What was asked for between two trials."""
        console = self._console
        console.show(valid=len(self._folder.status.valid))
        if console.paused:
            console.show(phase=Phase.PAUSED, text="paused; eval/resume goes on")
            self._folder.note("paused")
            while console.paused:
                self._take_up_requests()
                self._wait()
            self._folder.note("went on")
        self._take_up_requests()

    def _take_up_requests(self) -> None:
        # In the order in which they were written: two may have ended in the same millisecond.
        valid = [record for record in self._folder.status.attempts if record.valid]
        if not valid:
            return
        last = valid[-1]
        note = self._console.take_notes()
        if note:
            self._folder.amend(last, with_note(last, note), self._by())
        if self._console.take_redo():
            verdict = last.verdict.model_copy(
                update={
                    "outcome": TrialOutcome.INVALID,
                    "progress": 0.0,
                    "reason": "the operator wants it played again",
                }
            )
            self._folder.amend(last, verdict, self._by())
            self._tell(f"trial {last.trial} is invalid now and will be played again")
            self._console.show(valid=len(self._folder.status.valid))

    def _by(self) -> str:
        return self._folder.session.operator or "operator"

    def _trial(self, trial: Trial) -> None:
        session = self._folder.session
        placement = session.placements[trial.placement]
        total = len(session.schedule)
        attempt = self._folder.next_attempt(trial)
        self._console.begin_request(
            phase=Phase.PREPARING,
            text=f"trial {trial.number} of {total}: policy {trial.policy}",
            trial=trial.number,
            attempt=attempt,
            policy=trial.policy,
            placement=placement.description,
        )
        self._until_nothing_is_missing()
        self._insist(lambda: self._stack.load(trial.policy))
        self._home()
        self._lay(trial, placement)
        self._until_nothing_is_missing()
        self._console.show(phase=Phase.RUNNING, text=f"trial {trial.number}: policy {trial.policy}")
        self._take_up_requests()
        started = self._folder.begin(trial)
        try:
            played = self._stack.play(started, placement, self._folder.attempt_folder(started))
            verdict = self._verdict(played)
        except (Stopped, EvalError) as error:
            self._write_unfinished(
                started, str(error) or "the session was stopped during this trial"
            )
            raise
        self._write(started, played, verdict)

    def _write_unfinished(self, started: TrialStarted, why: str) -> None:
        verdict = TrialVerdict(outcome=TrialOutcome.INVALID, progress=0.0, reason=why)
        record = self._folder.record(started, verdict, **self._known())
        self._folder.add(record)
        # What cannot be sealed now is repaired when the session is taken up again.
        with contextlib.suppress(StackError):
            self._stack.seal(record)

    def _home(self) -> None:
        """Leads the arms home; where somebody may stand there, only after they have said so."""
        if self._judge and not self._expected:
            self._ask_ready("the arms go home: stand clear, then eval/ready")
            self._expected = True
        self._insist(self._stack.home)

    def _lay(self, trial: Trial, placement: Placement) -> None:
        self._insist(lambda: self._stack.lay(placement, trial.placement))
        if self._judge:
            self._ask_ready(f"lay the objects, then eval/ready: {placement.description}")

    def _ask_ready(self, text: str) -> None:
        self._console.begin_request(phase=Phase.LAYING, text=text)
        while not self._console.is_ready():
            self._take_up_requests()
            self._wait()
        self._console.begin_request()

    def _until_nothing_is_missing(self) -> None:
        self._insist(self._look_whether_all_is_there, _LOOK_AGAIN_S)

    def _look_whether_all_is_there(self) -> None:
        missing = self._stack.missing()
        if missing:
            raise StackError("; ".join(missing))

    def _insist(self, act: Callable[[], None], again_s: float = _TRY_AGAIN_S) -> None:
        """Does what the stack may not be able to do yet, again and again, and tells why it waits.

        Raises:
            StackError: It could not be done for as long as there is patience.
        """
        began_s, said = self._clock(), ""
        before = self._console.state
        while True:
            try:
                act()
                break
            except StackError as error:
                text = str(error)
            if text != said:
                self._console.show(phase=Phase.WAITING, text=f"waits: {text}")
                said = text
            if self._patience_s is not None and self._clock() - began_s > self._patience_s:
                raise StackError(
                    f"waited {self._patience_s:g} s in vain: {text}. Mend it; the same command "
                    "goes on where this session stands"
                )
            self._wait(again_s)
        if said:
            self._console.show(phase=before.phase, text=before.text)

    def _verdict(self, played: Played) -> TrialVerdict:
        given = self._console.take_verdict(played.verdict)
        if given is None:
            text = "how did it go? eval/judge; then the arms go home"
            self._console.show(phase=Phase.JUDGING, text=text)
            while (given := self._console.take_verdict()) is None:
                self._wait()
        note = self._console.take_notes()
        if note:
            given = given.model_copy(update={"note": "; ".join(filter(None, (given.note, note)))})
        return given

    def _write(self, started: TrialStarted, played: Played, verdict: TrialVerdict) -> None:
        record = self._folder.record(
            started,
            verdict,
            figures=played.figures,
            files=played.files,
            reset_difference=played.reset_difference,
            **self._known(),
        )
        self._folder.add(record)
        self._stack.seal(record)
        self._tell(self._line(record))
        self._watch_for_stillness(record)
        self._invalid = 0 if record.valid else self._invalid + 1
        if self._invalid >= MOST_INVALID:
            raise StackError(
                f"{MOST_INVALID} attempts one after the other were invalid, the last because "
                f"{record.verdict.reason or record.verdict.note}. Mend it; the same command goes "
                "on where this session stands"
            )

    def _line(self, record: TrialRecord) -> str:
        verdict, status = record.verdict, self._folder.status
        why = [verdict.failure_type.value] if verdict.failure_type else []
        why += [text for text in (verdict.reason, verdict.note) if text]
        told = f" ({'; '.join(why)})" if why else ""
        took = f" after {record.figures.duration_s:.1f} s" if record.figures else ""
        return (
            f"trial {record.trial}, policy {record.policy}: {verdict.outcome.value}{took}{told}; "
            f"{len(status.valid)}/{len(self._folder.session.schedule)} are valid"
        )

    def _watch_for_stillness(self, record: TrialRecord) -> None:
        figures, letter = record.figures, record.policy
        if figures is None or figures.moved_rad is None or not record.valid:
            return
        still = figures.moved_rad < _STILL_RAD
        self._still[letter] = self._still.get(letter, 0) + 1 if still else 0
        warnings: Sequence[str] = [
            f"policy {each} has moved nothing in {count} trials: is it the right checkpoint?"
            for each, count in sorted(self._still.items())
            if count >= MOST_STILL
        ]
        if tuple(warnings) != self._console.state.warnings:
            for text in warnings:
                self._tell(text)
            self._console.show(warnings=tuple(warnings))

    def _wait(self, seconds: float = _POLL_S) -> None:
        until_s = self._clock() + seconds
        while True:
            if self._stopping():
                raise Stopped
            self._sleep(_POLL_S)
            if self._clock() >= until_s:
                return

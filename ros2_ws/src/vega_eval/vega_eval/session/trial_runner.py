"""The order of a session: trial after trial, each loaded, reset, played, judged and written.

Knows nothing of ROS: the robot backend does what it is asked and says what happened.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from teleop.session.consent import Consent
from vega_eval.errors import EvalError
from vega_eval.session.operator_console import OperatorConsole, SessionPhase, with_note
from vega_eval.session.robot_backend import (
    BackendError,
    Refused,
    RobotBackend,
    SessionStopped,
    TrialResult,
)
from vega_eval.trials.folder import SessionFolder
from vega_eval.trials.record import Files, TrialOutcome, TrialRecord, TrialStarted, TrialVerdict
from vega_eval.trials.schedule import Placement, Trial

_POLL_S = 0.05
_CHECK_AGAIN_S, _TRY_AGAIN_S = 0.2, 2.0
MOST_INVALID = 3
"""So many invalid attempts one after the other end a session: something is wrong with the cell."""
MOST_STILL = 3
_STILL_RAD = 0.02


class SessionListener(Protocol):
    """Whoever runs a session: is told what happens, and asked what only it knows."""

    def log(self, text: str) -> None:
        """A line for people."""

    def stop_requested(self) -> bool:
        """Whether the session is to end now."""

    def early_end(self) -> str:
        """Asked before each trial: why the session may end early, empty if it may not."""

    def record_fields(self) -> dict[str, Any]:
        """Further fields of every record."""


@dataclass(frozen=True)
class RunnerOptions:
    """How trials are run.

    Attributes:
        judged_by_person: Whether a person judges, and places the objects.
        patience_s: How long to wait for what is missing; None waits for as long as it takes.
        clock: Monotonic, s.
        sleep: Lets so many seconds pass.
        stopped: Whether an emergency stop is latched: it is waited for, however long it takes.
    """

    judged_by_person: bool = False
    patience_s: float | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    stopped: Callable[[], bool] = lambda: False


class TrialRunner:
    """Plays what a session's schedule still misses.

    Args:
        folder: The session.
        backend: What plays.
        console: The operator's side.
        listener: Whoever runs the session.
        options: How.
    """

    def __init__(
        self,
        folder: SessionFolder,
        backend: RobotBackend,
        console: OperatorConsole,
        listener: SessionListener,
        options: RunnerOptions,
    ) -> None:
        self._folder, self._backend, self._console = folder, backend, console
        self._listener, self._options = listener, options
        self._invalid = 0
        person = options.judged_by_person
        self._consent = console.consent if person else Consent(unattended=True)
        self._still: dict[str, int] = {}

    def run(self) -> str:
        """Plays until every trial has a valid attempt; returns why it is over.

        Raises:
            SessionStopped: The end was asked for; the same session can be resumed.
            EvalError: Something has to be mended first; as above.
        """
        while not self._folder.status.closed:
            self._between()
            missing = self._folder.status.missing
            why = self._listener.early_end() if missing else "every trial has been played"
            if why:
                return why
            self._trial(missing[0])
        return "the session was closed before; another one wants another folder"

    def _between(self) -> None:
        """What was asked for between two trials."""
        console = self._console
        console.show(valid=len(self._folder.status.valid))
        if console.paused:
            console.show(phase=SessionPhase.PAUSED, text="paused; eval/resume goes on")
            self._folder.note("paused")
            self._consent.interrupt("the session was paused")
            while console.paused:
                self._handle_requests()
                self._wait()
            self._folder.note("went on")
        self._handle_requests()

    def _handle_requests(self) -> None:
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
            self._consent.interrupt(f"trial {last.trial} is invalid now")
            self._listener.log(f"trial {last.trial} is invalid now and will be played again")
            self._console.show(valid=len(self._folder.status.valid))

    def _by(self) -> str:
        return self._folder.session.operator or "operator"

    def _trial(self, trial: Trial) -> None:
        session = self._folder.session
        placement = session.placements[trial.placement]
        total = len(session.schedule)
        attempt = self._folder.next_attempt(trial)
        self._console.reset_requests(
            phase=SessionPhase.PREPARING,
            text=f"trial {trial.number} of {total}: policy {trial.policy}",
            trial=trial.number,
            attempt=attempt,
            policy=trial.policy,
            placement=placement.description,
        )
        self._until_nothing_is_missing()
        self._insist(lambda: self._backend.load(trial.policy))
        while True:
            self._prepare(trial, placement)
            self._console.show(
                phase=SessionPhase.RUNNING, text=f"trial {trial.number}: policy {trial.policy}"
            )
            self._handle_requests()
            if self._consent.given:
                break
        started = self._folder.begin(trial)
        try:
            result = self._play(started, placement)
            verdict = self._verdict(result)
        except (SessionStopped, EvalError) as error:
            self._write_unfinished(
                started, str(error) or "the session was stopped during this trial"
            )
            raise
        self._write(started, result, verdict)

    def _write_unfinished(self, started: TrialStarted, why: str) -> None:
        verdict = TrialVerdict(outcome=TrialOutcome.INVALID, progress=0.0, reason=why)
        record = self._folder.record(started, verdict, **self._listener.record_fields())
        self._folder.add(record)
        # What cannot be finished now is repaired when the session is resumed.
        with contextlib.suppress(BackendError):
            self._backend.finish_recording(record)

    def _play(self, started: TrialStarted, placement: Placement) -> TrialResult:
        try:
            return self._backend.play(started, placement, self._folder.attempt_folder(started))
        except Refused as error:
            verdict = TrialVerdict(
                outcome=TrialOutcome.INVALID, progress=0.0, reason=str(error), judged_by="rules"
            )
            return TrialResult(verdict, None, Files(), stopped=self._options.stopped())

    def _prepare(self, trial: Trial, placement: Placement) -> None:
        """Arms at home, the scene laid and people clear: from anew after what comes between."""
        reset = partial(self._backend.reset_scene, placement, trial.placement)
        while True:
            while not self._consent.given:
                self._ask_consent("the arms go home: stand clear, then eval/ready")
            if not (self._insist_moving(self._backend.home) and self._insist_moving(reset)):
                continue
            if not self._options.judged_by_person:
                self._until_nothing_is_missing()
                return
            if self._ask_consent(f"lay the objects, then eval/ready: {placement.description}"):
                return

    def _ask_consent(self, text: str) -> bool:
        """Waits until somebody at the table agrees that the arms move: asked here and nowhere else.

        What is shown is `text`, after what has ended the last consent; the operator's `ready` is
        the consent. False when something happens before it comes.
        """
        self._until_nothing_is_missing()
        consent, why = self._consent, self._consent.why
        asked = consent.interruptions
        shown = f"{why}; {text}" if why else text
        self._console.reset_requests(phase=SessionPhase.LAYING, text=shown)
        while not self._console.is_ready():
            missing = self._backend.missing()
            if missing:  # from here on nobody can be ready any more
                self._console.show(phase=SessionPhase.WAITING, text=f"waits: {missing[0]}")
                consent.interrupt(missing[0])
            if missing or consent.interruptions != asked:
                return False
            self._handle_requests()
            self._wait()
        self._console.reset_requests()
        return consent.given and consent.interruptions == asked

    def _until_nothing_is_missing(self) -> None:
        self._insist(self._check_what_is_missing, _CHECK_AGAIN_S)

    def _check_what_is_missing(self) -> None:
        missing = self._backend.missing()
        if missing:
            raise BackendError("; ".join(missing))

    def _insist_moving(self, act: Callable[[], None]) -> bool:
        """Like `_insist` for what moves arms; False as soon as there is no consent any more."""
        return self._insist(act, consent=self._consent)

    def _insist(
        self,
        act: Callable[[], None],
        again_s: float = _TRY_AGAIN_S,
        consent: Consent | None = None,
    ) -> bool:
        """Does what the backend may not be able to do yet, again and again; shows why it waits.

        Returns:
            Whether it is done; False when there is no consent to it, or not any more, as after it
            could not be done.

        Raises:
            BackendError: It could not be done for as long as there is patience.
        """
        options, began_s, shown = self._options, self._options.clock(), ""
        before = self._console.state
        while consent is None or consent.given:
            try:
                act()
            except BackendError as error:
                text = str(error)
            else:
                if shown:
                    self._console.show(phase=before.phase, text=before.text)
                return True
            if consent is not None:  # whoever agreed to it did not agree to it some time later
                consent.interrupt(text)
                if not consent.given:
                    break
            if text != shown:
                self._console.show(phase=SessionPhase.WAITING, text=f"waits: {text}")
                shown = text
            if options.stopped():  # whoever leaves the stop is there, and has mended it
                began_s, self._invalid = options.clock(), 0
            waited_s = options.clock() - began_s
            if options.patience_s is not None and waited_s > options.patience_s:
                raise BackendError(
                    f"waited {options.patience_s:g} s in vain: {text}. Mend it; the same command "
                    "goes on where this session stands"
                )
            self._wait(again_s)
        return False

    def _verdict(self, result: TrialResult) -> TrialVerdict:
        given = self._console.take_verdict(result.verdict)
        if given is None:
            self._console.show(phase=SessionPhase.JUDGING, text=self._question())
            while (given := self._console.take_verdict()) is None:
                self._wait()
        note = self._console.take_notes()
        if note:
            given = given.model_copy(update={"note": "; ".join(filter(None, (given.note, note)))})
        return given

    def _question(self) -> str:
        if self._consent.given:
            return "how did it go? eval/judge; then the arms go home"
        why = "; ".join(self._backend.missing()) or self._consent.why
        return f"how did it go? eval/judge; nothing moves before you are asked again ({why})"

    def _write(self, started: TrialStarted, result: TrialResult, verdict: TrialVerdict) -> None:
        record = self._folder.record(
            started,
            verdict,
            figures=result.figures,
            files=result.files,
            reset_difference=result.reset_difference,
            **self._listener.record_fields(),
        )
        self._folder.add(record)
        self._backend.finish_recording(record)
        self._listener.log(self._line(record))
        self._warn_of_stillness(record)
        if not record.valid:
            self._consent.interrupt(f"trial {record.trial} does not count")
        if record.valid:
            self._invalid = 0
        elif not (result.stopped or self._options.stopped()):
            # A stop ends a trial, never the session, also one that is left before it is judged.
            self._invalid += 1
        if self._invalid >= MOST_INVALID:
            raise BackendError(
                f"{MOST_INVALID} attempts one after the other were invalid, the last because "
                f"{record.verdict.reason or record.verdict.note}. Mend it; the same command goes "
                "on where this session stands"
            )

    def _line(self, record: TrialRecord) -> str:
        verdict, status = record.verdict, self._folder.status
        why = [verdict.failure_type.value] if verdict.failure_type else []
        why += [text for text in (verdict.reason, verdict.note) if text]
        reason = f" ({'; '.join(why)})" if why else ""
        took = f" after {record.figures.duration_s:.1f} s" if record.figures else ""
        return (
            f"trial {record.trial}, policy {record.policy}: {verdict.outcome.value}{took}{reason}; "
            f"{len(status.valid)}/{len(self._folder.session.schedule)} are valid"
        )

    def _warn_of_stillness(self, record: TrialRecord) -> None:
        figures, letter = record.figures, record.policy
        if figures is None or figures.moved_rad is None or not record.valid:
            return
        still = figures.moved_rad < _STILL_RAD
        self._still[letter] = self._still.get(letter, 0) + 1 if still else 0
        warnings = tuple(
            f"policy {each} has moved nothing in {count} trials: is it the right checkpoint?"
            for each, count in sorted(self._still.items())
            if count >= MOST_STILL
        )
        if warnings != self._console.state.warnings:
            for text in warnings:
                self._listener.log(text)
            self._console.show(warnings=warnings)

    def _wait(self, seconds: float = _POLL_S) -> None:
        until_s = self._options.clock() + seconds
        while True:
            if self._listener.stop_requested():
                raise SessionStopped
            self._options.sleep(_POLL_S)
            if self._options.clock() >= until_s:
                return

"""A recording session: what an operator may ask for when, and what becomes of each take.

    WAITING <-> READY -> RECORDING <-> PAUSED
       ^                     |
       +------ SAVING <------+            FINISHED: as many good episodes as wanted

Every verb returns an `Answer`: done, or a sentence that says why not and what to do instead.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from teleop.dataset.store import Take, next_index
from teleop.session.saved import Place, SavedEpisodes
from teleop.session.state import Answer, Phase, Placement, Recording, SessionState

if TYPE_CHECKING:
    from teleop.dataset.episode import Outcome
    from teleop.dataset.store import Store

# A take that is shorter than this was started or ended by mistake.
_SHORTEST_S = 1.0
_MOST_REASONS = 3


@dataclass
class _Present:
    """The present take, and what was said about it."""

    recording: Recording
    outcome: Outcome = "success"
    notes: list[str] = field(default_factory=list)
    told: int = 0
    warned: bool = False


class Session:
    """Records the episodes of one task into a store until there are enough.

    Verbs may come from any thread. What takes time is given to `submit`; `changed` is called after
    every change, `tell` with every event (its kind in one word, and a sentence).
    """

    def __init__(
        self,
        store: Store,
        task: str,
        wanted: int,
        begin: Callable[[Placement | None], Recording],
        *,
        place: Place = lambda infos: None,
        news: str = "",
        submit: Callable[[Callable[[], None]], object] = lambda work: work(),
        tell: Callable[[str, str], object] = lambda kind, text: None,
        changed: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Goes on where the store's episodes of the task end.

        Args:
            store: Where episodes go.
            task: Name of the task.
            wanted: Number of good episodes.
            begin: Begins a take with this placement in the store, and its recording; raises
                OSError or ValueError with a sentence when it cannot.
            place: Where the objects belong in the next take, from the task's episodes; its
                `description` is for people. None: as before, see `placed`.
            news: What an operator should know from the beginning.
            submit: Runs something elsewhere, one after the other.
            tell: Gets events.
            changed: Called when `state` has changed.
            clock: Seconds that do not jump.
        """
        self._store, self._task, self._begin = store, task, begin
        self._submit, self._tell, self._changed, self._clock = submit, tell, changed, clock
        self._lock = threading.RLock()
        self._saved = SavedEpisodes(store, task, wanted, place)
        self._next = next_index(store.folder)
        self._lacking: tuple[str, ...] = ("everything is only just starting",)
        self._present: _Present | None = None
        self._busy = ""
        self._paused = False
        self._again = False
        self._news = news

    # What it is now.

    @property
    def phase(self) -> Phase:
        """Where the session stands."""
        if self._busy:
            return Phase.SAVING
        if self._present is not None:
            return Phase.PAUSED if self._paused else Phase.RECORDING
        if self._saved.progress.done:
            return Phase.FINISHED
        return Phase.WAITING if self._lacking else Phase.READY

    @property
    def state(self) -> SessionState:
        """How the session stands."""
        with self._lock:
            present = self._present
            return SessionState(
                phase=self.phase,
                text=self._text(),
                episode=self._episode(),
                saved=self._saved.progress.saved,
                wanted=self._saved.progress.wanted,
                take_s=present.recording.seconds if present else 0.0,
                left_s=self._saved.progress.left_s,
                placement=str((self._saved.placement or {}).get("description", "")),
                problems=tuple(present.recording.problems) if present else (),
                news=self._news,
            )

    @property
    def progress(self) -> str:
        """How far it has come, for people."""
        with self._lock:
            return str(self._saved.progress)

    def _episode(self) -> int:
        if self._present is not None:
            return self._present.recording.take.index
        return self._next

    def _text(self) -> str:
        phase, next_one = self.phase, f"episode {self._episode()}"
        waits = "begins by itself as soon as this is mended" if self._again else "cannot begin"
        if phase is Phase.SAVING:
            return self._busy
        if self._present is not None:
            bad = "; ".join(self._present.recording.problems)
            if bad:
                return f"BAD TAKE: {bad}. Discard it (d), or begin again at once (r)"
            return f"{next_one} {'is paused; go on (p)' if self._paused else 'is being recorded'}"
        return {
            Phase.WAITING: f"{next_one} {waits}: {self._reasons()}",
            Phase.READY: f"ready for {next_one}: start (s)",
            Phase.FINISHED: f"all {self._saved.progress.wanted} episodes are there",
        }[phase]

    # What the world tells it.

    def lack(self, reasons: Sequence[str]) -> None:
        """What has to be mended before a take may begin, in words; call it as often as you like."""
        with self._lock:
            changed = self._lacking != tuple(reasons)
            self._lacking = tuple(reasons)
            if self._again and not self._lacking and self._present is None and not self._busy:
                self._again = False
                self.start()
            elif changed and self._present is None:
                self._changed()

    def placed(self, placement: Placement) -> None:
        """Where the objects are now, where somebody else places them, as the twin does."""
        with self._lock:
            self._saved.placement = placement
            self._changed()

    def update(self) -> None:
        """Calls out what has become bad in the present take; call it often.

        A take that cannot go on is ended and saved with that said in it.
        """
        with self._lock:
            present = self._present
            if present is None or self._busy:
                return
            problems = list(present.recording.problems)
            if len(problems) == present.told:
                return
            for problem in problems[present.told :]:
                self._tell("problem", problem)
            present.told = len(problems)
            if present.recording.cut_off:
                self._end(present)
            self._changed()

    # What an operator asks for.

    def start(self) -> Answer:
        """Begins a take."""
        with self._lock:
            refusal = self._cannot_start()
            if refusal:
                return Answer(False, refusal)
            try:
                recording = self._begin(self._saved.placement)
            except (OSError, ValueError) as error:
                return Answer(False, f"cannot start: {_sentence(error)}")
            self._present, self._news = _Present(recording), ""
            self._paused = self._again = False
            self._next = recording.take.index + 1
            return self._did("began", f"episode {recording.take.index} is being recorded")

    def save(self) -> Answer:
        """Ends the take and saves it. A bad one has to be asked for twice."""
        with self._lock:
            present = self._present
            if self._busy or present is None:
                return self._no_take("save")
            recording = present.recording
            if recording.seconds < _SHORTEST_S:
                return Answer(
                    False,
                    f"the take is only {recording.seconds:.1f} s long: go on, or discard it (d)",
                )
            if recording.problems and not present.warned:
                present.warned = True
                return Answer(
                    False,
                    f"this take is bad: {'; '.join(recording.problems)}. Discard it (d); saved "
                    "again (Enter) it is kept with that said in it, and does not count",
                )
            return self._end(present)

    def discard(self) -> Answer:
        """Ends the take; nothing of it is left."""
        with self._lock:
            present = self._present
            if self._again and present is None and not self._busy:
                self._again = False
                return self._did("discarded", "no take begins by itself any more")
            if self._busy or present is None:
                return self._no_take("discard")
            text = f"episode {present.recording.take.index} is being discarded"
            self._hand_over(text, lambda: self._discard(present))
            return Answer(True, text)

    def redo(self) -> Answer:
        """Discards the take and begins the same one again as soon as everything is ready."""
        with self._lock:
            answer = self.discard()
            if not answer.done:
                return answer
            # Already discarded where `submit` waits.
            self._again = True
            if not self._busy:
                self.lack(self._lacking)
            return Answer(True, f"{answer.text} and begins again")

    def pause(self) -> Answer:
        """Records nothing until `resume`."""
        with self._lock:
            present = self._present
            if self._busy or present is None:
                return self._no_take("pause")
            if self._paused:
                return Answer(False, "the take is paused already: go on with it (p)")
            present.recording.pause()
            self._paused = True
            return self._did("paused", f"episode {present.recording.take.index} is paused")

    def resume(self) -> Answer:
        """Goes on with a paused take."""
        with self._lock:
            present = self._present
            if self._busy or present is None:
                return self._no_take("go on with")
            if not self._paused:
                return Answer(False, f"{self._running()}: it is not paused")
            present.recording.resume()
            self._paused = False
            return self._did("resumed", f"episode {present.recording.take.index} goes on")

    def mark(self, success: bool) -> Answer:
        """Says how the present take, or the last saved one, went. Unmarked is a success."""
        outcome: Outcome = "success" if success else "failure"
        with self._lock:
            if self._present is not None and not self._busy:
                self._present.outcome = outcome
                index = self._present.recording.take.index
                return self._did("marked", f"episode {index} is marked as a {outcome}")
            return self._change("marked", lambda: self._saved.judge(outcome))

    def note(self, text: str) -> Answer:
        """Adds a note to the present take, or to the last saved one."""
        text = " ".join(text.split())
        if not text:
            return Answer(False, "the note is empty")
        with self._lock:
            if self._present is not None and not self._busy:
                self._present.notes.append(text)
                index = self._present.recording.take.index
                return self._did("noted", f"noted of episode {index}: {text}")
            return self._change("noted", lambda: self._saved.note(text))

    def delete_last(self) -> Answer:
        """Deletes the task's last saved episode; `undo_delete` brings it back."""
        with self._lock:
            refusal = self._take_runs("delete")
            if refusal:
                return Answer(False, refusal)
            return self._change("deleted", self._saved.delete_last)

    def undo_delete(self) -> Answer:
        """Brings back what was deleted last."""
        with self._lock:
            refusal = self._take_runs("undo")
            if refusal:
                return Answer(False, refusal)
            return self._change("restored", self._saved.undo_delete)

    def close(self) -> str:
        """Ends the session, asking nothing: a take that runs is left as it is, to be recovered.

        Returns:
            What was left and how to get it, for people.
        """
        with self._lock:
            present, self._present = self._present, None
            progress = self._saved.progress
            there = f"{progress.saved}/{progress.wanted} episodes of {self._task}"
            if present is None:
                return there
            recording = present.recording
            recording.stop()
            _leave(recording.take)
            return (
                f"{there}. Episode {recording.take.index} was cut off after "
                f"{recording.seconds:.1f} s and is not one of them; what was recorded lies in "
                f"{recording.take.folder}: the next launch recovers it, as does "
                "python -m teleop.repair"
            )

    # How it is done.

    def _cannot_start(self) -> str:
        phase, wanted = self.phase, self._saved.progress.wanted
        if phase is Phase.SAVING:
            return f"cannot start: {self._busy}; a moment"
        if phase is Phase.PAUSED:
            return "cannot start: the take is paused; go on with it (p), or discard it (d)"
        if phase is Phase.RECORDING:
            return f"{self._running()} already; save it (Enter) or discard it (d) first"
        if phase is Phase.FINISHED:
            return (
                f"all {wanted} episodes are there; for more, launch again with "
                f"episodes:={wanted + 10}, or delete the last one (Backspace)"
            )
        return f"cannot start: {self._reasons()}" if self._lacking else ""

    def _reasons(self) -> str:
        more = len(self._lacking) - _MOST_REASONS
        shown = "; ".join(self._lacking[:_MOST_REASONS])
        return f"{shown}; and {more} more" if more > 0 else shown

    def _running(self) -> str:
        present = self._present
        assert present is not None
        return f"episode {self._episode()} is being recorded ({present.recording.seconds:.0f} s)"

    def _no_take(self, verb: str) -> Answer:
        if self._busy:
            return Answer(False, f"nothing to {verb}: {self._busy}")
        text = f"nothing to {verb}: no take runs; start one (s)"
        if self._saved.infos:
            text += f". The last one saved is episode {self._saved.infos[-1].index}"
            text += "; delete it (Backspace)" if verb == "discard" else ""
        return Answer(False, text)

    def _take_runs(self, verb: str) -> str:
        if self._busy:
            return f"cannot {verb} now: {self._busy}; a moment"
        if self._present is not None:
            return f"cannot {verb} now: {self._running()}; save (Enter) or discard it (d) first"
        return ""

    def _did(self, kind: str, text: str) -> Answer:
        self._tell(kind, text)
        self._changed()
        return Answer(True, text)

    def _hand_over(self, text: str, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except Exception as error:  # a bug: the session must not hang on it
                if self._present is not None:
                    _leave(self._present.recording.take)
                self._settle("failed", f"{text}: failed, {type(error).__name__}: {error}")
                raise

        self._busy = text
        self._changed()
        self._submit(run)

    def _end(self, present: _Present) -> Answer:
        text = f"episode {present.recording.take.index} is being saved"
        self._hand_over(text, lambda: self._save(present))
        return Answer(True, text)

    def _save(self, present: _Present) -> None:
        recording = present.recording
        try:
            end = recording.finish(present.outcome, "; ".join(present.notes))
            info = self._store.save(recording.take, end)
        except (OSError, ValueError) as error:
            _leave(recording.take)
            self._settle(
                "failed",
                f"episode {recording.take.index} could NOT be saved: {_sentence(error)}. What was "
                f"recorded lies in {recording.take.folder}; mend this, then launch again: it is "
                "recovered",
            )
            return
        with self._lock:
            self._settle("saved", self._saved.add(info, self._clock()))

    def _discard(self, present: _Present) -> None:
        recording = present.recording
        recording.stop()
        text = f"episode {recording.take.index} is discarded"
        try:
            self._store.discard(recording.take)
        except (OSError, ValueError) as error:
            text += f", though its folder could not be removed ({_sentence(error)})"
        self._settle("discarded", text)

    def _settle(self, kind: str, text: str) -> None:
        with self._lock:
            self._present, self._busy, self._news = None, "", text
            self._paused = False
            if not self._again:
                self._saved.plan()
            self._tell(kind, text)
            self._changed()
            if self._again:
                self.lack(self._lacking)

    def _change(self, kind: str, change: Callable[[], str]) -> Answer:
        """Changes saved episodes."""
        if self._busy:
            return Answer(False, f"not now: {self._busy}; a moment")
        try:
            self._news = change()
        except (OSError, ValueError) as error:
            return Answer(False, _sentence(error))
        return self._did(kind, self._news)


def _leave(take: Take) -> None:
    """Ends a take unsealed, with everything on the disk that came."""
    with contextlib.suppress(OSError, ValueError):
        take.writer.flush()
    take.writer.abandon()
    take.recording = False


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)

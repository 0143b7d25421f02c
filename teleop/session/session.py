"""A recording session: what an operator may ask for when, and what becomes of each take.

    WAITING <-> READY -> RECORDING <-> PAUSED
       ^                     |
       +------ SAVING <------+            FINISHED: as many good episodes as wanted

Every verb returns an `Answer`: done, or a sentence that says why not and what to do instead.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from teleop.dataset.store import next_index
from teleop.errors import RecordingFailed
from teleop.session import wording
from teleop.session.saved import SavedEpisodes
from teleop.session.state import Answer, Placement, RecordingListener, SessionPhase, SessionState
from teleop.session.take import CurrentTake, sentence

if TYPE_CHECKING:
    from teleop.dataset.episode import Outcome
    from teleop.dataset.store import Store

# A take that is shorter than this was started or ended by mistake.
_SHORTEST_S = 1.0


class RecordingSession:
    """Records the episodes of one task into a store until there are enough.

    Verbs may come from any thread; the listener is called with the session locked.
    """

    def __init__(
        self,
        store: Store,
        task: str,
        wanted: int,
        listener: RecordingListener,
        *,
        news: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Goes on where the store's episodes of the task end.

        Args:
            store: Where episodes go.
            task: Name of the task.
            wanted: Number of good episodes.
            listener: Begins takes, plans placements, and hears of every change.
            news: What an operator should know from the beginning.
            clock: Seconds that do not jump.
        """
        self._store, self._task, self._listener = store, task, listener
        self._clock = clock
        self._lock = threading.RLock()
        self._saved = SavedEpisodes(store, task, wanted, listener.plan)
        self._next = next_index(store.folder)
        self._lacking: tuple[str, ...] = ("everything is only just starting",)
        self._take: CurrentTake | None = None
        self._busy = ""
        self._paused = False
        self._again = False
        self._news = news

    # What it is now.

    @property
    def phase(self) -> SessionPhase:
        """Where the session stands."""
        if self._busy:
            return SessionPhase.SAVING
        if self._take is not None:
            return SessionPhase.PAUSED if self._paused else SessionPhase.RECORDING
        if self._saved.progress.done:
            return SessionPhase.FINISHED
        return SessionPhase.WAITING if self._lacking else SessionPhase.READY

    @property
    def state(self) -> SessionState:
        """How the session stands."""
        with self._lock:
            status, progress = self._status(), self._saved.progress
            return SessionState(
                phase=status.phase,
                text=wording.what_to_do(status),
                episode=status.episode,
                saved=progress.saved,
                wanted=progress.wanted,
                take_s=status.take_s,
                left_s=progress.left_s,
                placement=str((self._saved.placement or {}).get("description", "")),
                problems=status.problems,
                news=self._news,
            )

    def _status(self) -> wording.RecordingStatus:
        take, infos = self._take, self._saved.infos
        return wording.RecordingStatus(
            phase=self.phase,
            episode=self._next if take is None else take.index,
            wanted=self._saved.progress.wanted,
            busy=self._busy,
            lacking=self._lacking,
            begins_by_itself=self._again,
            take_s=take.recording.seconds if take else 0.0,
            problems=tuple(take.recording.problems) if take else (),
            last_saved=infos[-1].index if infos else None,
        )

    def _running(self) -> CurrentTake | None:
        """The take, unless it is being saved already."""
        return None if self._busy else self._take

    # What happens around it.

    def lack(self, reasons: Sequence[str]) -> None:
        """What has to be mended before a take may begin, in words; call it as often as you like."""
        with self._lock:
            changed = self._lacking != tuple(reasons)
            self._lacking = tuple(reasons)
            if self._again and not self._lacking and self._take is None and not self._busy:
                self._again = False
                self.start()
            elif changed and self._take is None:
                self._listener.changed()

    def placed(self, placement: Placement) -> None:
        """Where the objects are now, where somebody else places them, as the twin does."""
        with self._lock:
            self._saved.placement = placement
            self._listener.changed()

    def update(self) -> None:
        """Calls out what has become bad in the present take; call it often.

        A take that cannot go on is ended and saved with that said in it.
        """
        with self._lock:
            take = self._running()
            problems = take.new_problems() if take else []
            if take is None or not problems:
                return
            for problem in problems:
                self._listener.notify("problem", problem)
            if take.recording.cut_off:
                self._end(take)
            self._listener.changed()

    # What an operator asks for.

    def start(self) -> Answer:
        """Begins a take, when nothing lacks and none runs."""
        with self._lock:
            refusal = wording.why_not_start(self._status())
            if refusal:
                return Answer(False, refusal)
            try:
                recording = self._listener.begin(self._saved.placement)
            except (OSError, ValueError) as error:
                return Answer(False, f"cannot start: {sentence(error)}")
            take = self._take = CurrentTake(recording)
            self._news = ""
            self._paused = self._again = False
            self._next = take.index + 1
            return self._did("began", f"episode {take.index} is being recorded")

    def save(self) -> Answer:
        """Ends the take and saves it. A bad one has to be asked for twice."""
        with self._lock:
            take = self._running()
            if take is None:
                return self._no_take("save")
            seconds = take.recording.seconds
            if seconds < _SHORTEST_S:
                text = f"the take is only {seconds:.1f} s long: go on, or discard it (d)"
                return Answer(False, text)
            if take.bad and not take.warned:
                take.warned = True
                return Answer(
                    False,
                    f"this take is bad: {take.bad}. Discard it (d); saved again (Enter) it is "
                    "kept with that said in it, and does not count",
                )
            return self._end(take)

    def discard(self) -> Answer:
        """Ends the take; nothing of it is left."""
        with self._lock:
            if self._again and self._take is None and not self._busy:
                self._again = False
                return self._did("discarded", "no take begins by itself any more")
            take = self._running()
            if take is None:
                return self._no_take("discard")
            text = f"episode {take.index} is being discarded"
            self._hand_over(text, lambda: self._settle("discarded", take.discard(self._store)))
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
            take = self._running()
            if take is None:
                return self._no_take("pause")
            if self._paused:
                return Answer(False, "the take is paused already: go on with it (p)")
            take.recording.pause()
            self._paused = True
            return self._did("paused", f"episode {take.index} is paused")

    def resume(self) -> Answer:
        """Goes on with a paused take."""
        with self._lock:
            take = self._running()
            if take is None:
                return self._no_take("go on with")
            if not self._paused:
                return Answer(False, f"{wording.recorded_so_far(self._status())}: it is not paused")
            take.recording.resume()
            self._paused = False
            return self._did("resumed", f"episode {take.index} goes on")

    def mark(self, success: bool) -> Answer:
        """Says how the present take, or the last saved one, went. Unmarked is a success."""
        outcome: Outcome = "success" if success else "failure"
        with self._lock:
            take = self._running()
            if take is None:
                return self._change("marked", lambda: self._saved.mark(outcome))
            take.outcome = outcome
            return self._did("marked", f"episode {take.index} is marked as a {outcome}")

    def note(self, text: str) -> Answer:
        """Adds a note to the present take, or to the last saved one."""
        text = " ".join(text.split())
        if not text:
            return Answer(False, "the note is empty")
        with self._lock:
            take = self._running()
            if take is None:
                return self._change("noted", lambda: self._saved.note(text))
            take.notes.append(text)
            return self._did("noted", f"noted of episode {take.index}: {text}")

    def delete_last(self) -> Answer:
        """Deletes the task's last saved episode; `undo_delete` brings it back."""
        with self._lock:
            refusal = wording.take_in_the_way(self._status(), "delete")
            if refusal:
                return Answer(False, refusal)
            return self._change("deleted", self._saved.delete_last)

    def undo_delete(self) -> Answer:
        """Brings back what was deleted last."""
        with self._lock:
            refusal = wording.take_in_the_way(self._status(), "undo")
            if refusal:
                return Answer(False, refusal)
            return self._change("restored", self._saved.undo_delete)

    def close(self) -> str:
        """Ends the session, asking nothing: a take that runs is left as it is, to be recovered.

        Returns:
            What was left and how to get it, for people.
        """
        with self._lock:
            take, self._take = self._take, None
            progress = self._saved.progress
            there = f"{progress.saved}/{progress.wanted} episodes of {self._task}"
            if take is None:
                return there
            take.recording.stop()
            take.abandon()
            return (
                f"{there}. Episode {take.index} was cut off after "
                f"{take.recording.seconds:.1f} s and is not one of them; what was recorded lies in "
                f"{take.recording.take.folder}: the next launch recovers it, as does "
                "python -m teleop.repair DIR"
            )

    # How it is done.

    def _no_take(self, verb: str) -> Answer:
        return Answer(False, wording.no_take(self._status(), verb))

    def _did(self, kind: str, text: str) -> Answer:
        self._listener.notify(kind, text)
        self._listener.changed()
        return Answer(True, text)

    def _hand_over(self, text: str, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except Exception as error:  # a bug: the session must not hang on it
                if self._take is not None:
                    self._take.abandon()
                self._settle("failed", f"{text}: failed, {type(error).__name__}: {error}")
                raise

        self._busy = text
        self._listener.changed()
        self._listener.submit(run)

    def _end(self, take: CurrentTake) -> Answer:
        text = f"episode {take.index} is being saved"
        self._hand_over(text, lambda: self._save(take))
        return Answer(True, text)

    def _save(self, take: CurrentTake) -> None:
        try:
            info = take.save(self._store)
        except RecordingFailed as error:
            self._settle("failed", str(error))
            return
        with self._lock:
            self._settle("saved", self._saved.add(info, self._clock()))

    def _settle(self, kind: str, text: str) -> None:
        with self._lock:
            self._take, self._busy, self._news = None, "", text
            self._paused = False
            if not self._again:
                self._saved.plan()
            self._listener.notify(kind, text)
            self._listener.changed()
            if self._again:
                self.lack(self._lacking)

    def _change(self, kind: str, change: Callable[[], str]) -> Answer:
        """Changes saved episodes; `change` says what it did."""
        if self._busy:
            return Answer(False, f"not now: {self._busy}; a moment")
        try:
            self._news = change()
        except (OSError, ValueError) as error:
            return Answer(False, sentence(error))
        return self._did(kind, self._news)

"""The sealed episodes of a session's task: counted, marked anew, deleted and brought back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from teleop.errors import RefusedByStore
from teleop.session.progress import SessionProgress, counts
from teleop.session.state import Placement

if TYPE_CHECKING:
    from teleop.dataset.episode import EpisodeInfo, Outcome
    from teleop.dataset.store import Store

Plan = Callable[[Sequence["EpisodeInfo"]], "Placement | None"]


class SavedEpisodes:
    """What is there of a task.

    Attributes:
        infos: Its episodes, by index.
        progress: How many of those wanted there are.
        placement: Where the objects belong in the next take; None when nobody plans that.
    """

    def __init__(self, store: Store, task: str, wanted: int, plan: Plan) -> None:
        """Reads what is there.

        Args:
            store: Where it is.
            task: Name of the task.
            wanted: Number of good episodes.
            plan: Plans the next take's placement; None leaves it as it is.
        """
        self._store, self._task, self._plan = store, task, plan
        self.infos = store.episodes(task)
        self.progress = SessionProgress(wanted, self.infos)
        self.placement: Placement | None = None
        self.plan()

    def plan(self) -> None:
        """Plans where the objects belong in the next take."""
        self.placement = self._plan(self.infos) or self.placement

    def add(self, info: EpisodeInfo, now_s: float) -> str:
        """Counts one that was just sealed, and says so.

        Args:
            info: The episode.
            now_s: The time, on a clock that does not jump.
        """
        self.infos = [*self.infos, info]
        why = ""
        if counts(info):
            self.progress.add(now_s)
        else:
            reason = "; ".join(info.problems) or f"it is marked as {info.outcome}"
            why = f", does not count: {reason}"
        length = f"{info.duration_s:.1f} s, {info.outcome}{why}"
        return f"episode {info.index} is saved ({length}); {self.progress}"

    def delete_last(self) -> str:
        """Deletes the last one, and says which. Raises TeleopError."""
        if not self.infos:
            raise RefusedByStore(f"nothing to delete: no episode of {self._task} is saved")
        return self._changed(self._store.delete_last(self._task), "is deleted; undo (u)")

    def undo_delete(self) -> str:
        """Brings back what was deleted last, and says what. Raises TeleopError."""
        return self._changed(self._store.undo_delete(self._task), "is back")

    def mark(self, outcome: Outcome) -> str:
        """Says of the last one how it went. Raises TeleopError."""
        index = self._last("mark")
        info = self._store.amend(index, outcome=outcome)
        return self._changed(info, f"is marked as a {outcome}")

    def note(self, text: str) -> str:
        """Adds a note to the last one. Raises TeleopError."""
        return self._changed(
            self._store.amend(self._last("note"), note=text), f"has a note: {text}"
        )

    def _last(self, verb: str) -> int:
        if not self.infos:
            raise RefusedByStore(f"nothing to {verb}: no take runs and none is saved")
        return self.infos[-1].index

    def _changed(self, info: EpisodeInfo, what: str) -> str:
        self.infos = self._store.episodes(self._task)
        self.progress.saved = sum(map(counts, self.infos))
        self.plan()
        return f"episode {info.index} {what}; {self.progress}"

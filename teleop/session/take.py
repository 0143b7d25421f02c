"""The take that is being recorded: what was said about it, and the three ways in which it ends."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from teleop.errors import RecordingFailed
from teleop.session.state import OngoingTake

if TYPE_CHECKING:
    from teleop.dataset.episode import EpisodeInfo, Outcome
    from teleop.dataset.store import Store


class CurrentTake:
    """A recording, and what an operator said about it.

    Attributes:
        recording: What is being recorded.
        outcome: How the operator marked it.
        notes: What the operator noted.
        warned: Whether the operator was warned of saving it although it is bad.
    """

    def __init__(self, recording: OngoingTake) -> None:
        self.recording = recording
        self.outcome: Outcome = "success"
        self.notes: list[str] = []
        self.warned = False
        self._reported = 0

    @property
    def index(self) -> int:
        """Of its episode."""
        return self.recording.take.index

    @property
    def bad(self) -> str:
        """What makes it bad; empty when nothing does."""
        return "; ".join(self.recording.problems)

    def new_problems(self) -> list[str]:
        """Problems that came since this was last asked for."""
        problems = list(self.recording.problems)[self._reported :]
        self._reported += len(problems)
        return problems

    def save(self, store: Store) -> EpisodeInfo:
        """Seals it as an episode; may take a while.

        Raises:
            RecordingFailed: It cannot be saved; what was recorded is left to be recovered, and the
                text says where.
        """
        take = self.recording.take
        try:
            return store.save(take, self.recording.finish(self.outcome, "; ".join(self.notes)))
        except (OSError, ValueError) as error:
            self.abandon()
            raise RecordingFailed(
                f"episode {take.index} could NOT be saved: {sentence(error)}. What was "
                f"recorded lies in {take.folder}; mend this, then launch again: it is recovered"
            ) from error

    def discard(self, store: Store) -> str:
        """Removes everything of it; returns what became of it, for people."""
        self.recording.stop()
        text = f"episode {self.index} is discarded"
        try:
            store.discard(self.recording.take)
        except (OSError, ValueError) as error:
            text += f", though its folder could not be removed ({sentence(error)})"
        return text

    def abandon(self) -> None:
        """Ends it unsealed, with everything on the disk that came: repair recovers it."""
        take = self.recording.take
        with contextlib.suppress(OSError, ValueError):
            take.writer.flush()
        take.writer.abandon()
        take.recording = False


def sentence(error: Exception) -> str:
    """An error for people: an OSError without its number, but with its file."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)

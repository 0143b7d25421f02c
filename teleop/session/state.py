"""What a recording session is made of: phases, state, answers, its listener, its recordings."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from teleop.dataset.episode import EpisodeInfo, Outcome, TakeEnd
    from teleop.dataset.store import Take

Placement = Mapping[str, object]
"""Where the objects are, as it is written into an episode's file; `description` is for people."""


class SessionPhase(enum.IntEnum):
    """Where the session stands; the numbers are those of vega_msgs/TeleopState."""

    WAITING = 0
    READY = 1
    RECORDING = 2
    PAUSED = 3
    SAVING = 4
    FINISHED = 5


@dataclass(frozen=True)
class Answer:
    """Whether a verb was obeyed, and a sentence about it."""

    done: bool
    text: str


@dataclass(frozen=True)
class SessionState:
    """How the session stands, for people and for screens.

    Attributes:
        text: what to do, or to wait for.
        episode: index of the present or next episode.
        saved: good episodes of the task.
        take_s: length of the present take (s, ROS time).
        left_s: estimated time until all are there (s); NaN unknown.
        placement: where to put the objects for the next take.
        problems: what makes the present take bad.
        news: what became of the last take, or what was changed since.
    """

    phase: SessionPhase
    text: str
    episode: int
    saved: int
    wanted: int
    take_s: float
    left_s: float
    placement: str
    problems: tuple[str, ...]
    news: str = ""


class RecordingListener(Protocol):
    """Whoever runs a session: does for it what it cannot do itself, and hears what happens."""

    def begin(self, placement: Placement | None) -> OngoingTake:
        """Begins a take in the store, with the objects placed like that.

        Raises:
            OSError: It cannot; the text is for people.
            ValueError: Likewise.
        """

    def plan(self, infos: Sequence[EpisodeInfo]) -> Placement | None:
        """Where the objects belong in the next take, from the task's episodes.

        Its `description` is for people. None: as before, see `RecordingSession.placed`.
        """

    def submit(self, work: Callable[[], None]) -> object:
        """Runs what takes time, one after the other; may return before it is done."""

    def notify(self, kind: str, text: str) -> None:
        """Something happened: its kind in one word, and a sentence."""

    def changed(self) -> None:
        """The session's `state` has changed."""


class OngoingTake(Protocol):
    """A take that is being recorded."""

    @property
    def take(self) -> Take:
        """Its place in the store."""

    @property
    def seconds(self) -> float:
        """Its length without pauses (s, ROS time)."""

    @property
    def problems(self) -> Sequence[str]:
        """What makes it bad, one sentence each; never fewer than before."""

    @property
    def cut_off(self) -> str:
        """Why it cannot go on; empty while it can."""

    def pause(self) -> None:
        """Records nothing until `resume`."""

    def resume(self) -> None:
        """Records again; the time between does not count."""

    def finish(self, outcome: Outcome, notes: str) -> TakeEnd:
        """Writes everything that is still on its way and closes the file; may take a while."""

    def stop(self) -> None:
        """Records nothing more; the file stays as it is."""


def without_figures(text: str) -> str:
    """A text that stays the same while only its figures change, such as a measured rate."""
    return re.sub(r"[-+]?\d+(\.\d+)?", "", text)

"""The sentences of a recording session: what an operator can do now, why something is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from teleop.session.state import SessionPhase

_MOST_REASONS = 3


@dataclass(frozen=True)
class RecordingStatus:
    """What the sentences need to know of a session.

    Attributes:
        phase: Where it stands.
        episode: Index of the present or next episode.
        wanted: Number of good episodes.
        busy: What is being done with the last take; empty when nothing is.
        lacking: What has to be mended before a take may begin.
        begins_by_itself: Whether the next take does, as soon as nothing lacks.
        take_s: Length of the present take (s).
        problems: What makes it bad.
        last_saved: Index of the task's last saved episode, None without one.
    """

    phase: SessionPhase
    episode: int
    wanted: int
    busy: str
    lacking: Sequence[str]
    begins_by_itself: bool
    take_s: float
    problems: tuple[str, ...]
    last_saved: int | None

    @property
    def in_take(self) -> bool:
        """Whether a take runs that can still be asked for something."""
        return self.phase in (SessionPhase.RECORDING, SessionPhase.PAUSED)


def what_to_do(status: RecordingStatus) -> str:
    """What an operator can do now, or what is waited for."""
    episode = f"episode {status.episode}"
    if status.phase is SessionPhase.SAVING:
        return status.busy
    if status.in_take:
        if status.problems:
            bad = "; ".join(status.problems)
            return f"BAD TAKE: {bad}. Discard it (d), or begin again at once (r)"
        paused = status.phase is SessionPhase.PAUSED
        return f"{episode} {'is paused; go on (p)' if paused else 'is being recorded'}"
    if status.phase is SessionPhase.WAITING:
        by_itself = status.begins_by_itself
        waits = "begins by itself as soon as this is mended" if by_itself else "cannot begin"
        return f"{episode} {waits}: {_reasons(status.lacking)}"
    if status.phase is SessionPhase.READY:
        return f"ready for {episode}: start (s)"
    return f"all {status.wanted} episodes are there"


def why_not_start(status: RecordingStatus) -> str:
    """Why no take can begin; empty when one can."""
    if status.phase is SessionPhase.SAVING:
        return f"cannot start: {status.busy}; a moment"
    if status.phase is SessionPhase.PAUSED:
        return "cannot start: the take is paused; go on with it (p), or discard it (d)"
    if status.phase is SessionPhase.RECORDING:
        return f"{recorded_so_far(status)} already; save it (Enter) or discard it (d) first"
    if status.phase is SessionPhase.FINISHED:
        return (
            f"all {status.wanted} episodes are there; for more, launch again with "
            f"episodes:={status.wanted + 10}, or delete the last one (Backspace)"
        )
    return f"cannot start: {_reasons(status.lacking)}" if status.lacking else ""


def no_take(status: RecordingStatus, verb: str) -> str:
    """Why nothing can be done with a take: there is none, or it is being saved."""
    if status.busy:
        return f"nothing to {verb}: {status.busy}"
    text = f"nothing to {verb}: no take runs; start one (s)"
    if status.last_saved is not None:
        text += f". The last one saved is episode {status.last_saved}"
        text += "; delete it (Backspace)" if verb == "discard" else ""
    return text


def take_in_the_way(status: RecordingStatus, verb: str) -> str:
    """Why saved episodes cannot be changed now; empty when they can."""
    if status.busy:
        return f"cannot {verb} now: {status.busy}; a moment"
    if status.in_take:
        return f"cannot {verb} now: {recorded_so_far(status)}; save (Enter) or discard it (d) first"
    return ""


def recorded_so_far(status: RecordingStatus) -> str:
    """Which take runs, and since when."""
    return f"episode {status.episode} is being recorded ({status.take_s:.0f} s)"


def _reasons(lacking: Sequence[str]) -> str:
    more = len(lacking) - _MOST_REASONS
    shown = "; ".join(lacking[:_MOST_REASONS])
    return f"{shown}; and {more} more" if more > 0 else shown

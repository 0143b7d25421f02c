"""How far a recording session has come: 37 of 100, 52 an hour, 1 h 13 min left."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from teleop.dataset.episode import EpisodeInfo

# A longer time between two episodes was a break, not work.
_BREAK_S = 600.0
_NEWEST = 20


def counts(info: EpisodeInfo) -> bool:
    """Whether an episode is one of those wanted: a success, and nothing was wrong with the take."""
    return info.outcome == "success" and not info.problems


class SessionProgress:
    """Counts episodes, and tells how long the rest will take from the newest twenty.

    What counts is the time from one saved episode to the next: resets of the scene and takes that
    were discarded are in it, breaks of more than ten minutes are not.
    """

    def __init__(self, wanted: int, infos: Iterable[EpisodeInfo] = ()) -> None:
        """Goes on where `infos`, the task's episodes, end."""
        self.wanted = wanted
        self.saved = 0
        self._each_s: list[float] = []
        self._last_s: float | None = None
        ends = []
        for info in infos:
            if counts(info):
                self.saved += 1
                ends.append(datetime.fromisoformat(info.ended.replace("Z", "+00:00")).timestamp())
        ends.sort()
        for before_s, end_s in itertools.pairwise(ends):
            self._note(end_s - before_s)

    def add(self, now_s: float) -> None:
        """One more was saved; `now_s` is on a clock that does not jump."""
        self.saved += 1
        if self._last_s is not None:
            self._note(now_s - self._last_s)
        self._last_s = now_s

    def _note(self, seconds: float) -> None:
        if 0.0 < seconds <= _BREAK_S:
            self._each_s = [*self._each_s, seconds][-_NEWEST:]

    @property
    def done(self) -> bool:
        """Whether all are there."""
        return self.saved >= self.wanted

    @property
    def per_hour(self) -> float:
        """Episodes an hour; NaN before there are two."""
        return 3600.0 / statistics.median(self._each_s) if self._each_s else math.nan

    @property
    def left_s(self) -> float:
        """Estimated time until all are there (s); NaN when unknown."""
        return max(self.wanted - self.saved, 0) / self.per_hour * 3600.0

    def __str__(self) -> str:
        text = f"{self.saved}/{self.wanted}"
        if math.isnan(self.per_hour) or self.done:
            return text
        return f"{text}, {self.per_hour:.0f} an hour, {format_duration(self.left_s)} left"


def format_duration(seconds: float) -> str:
    """A time as people say it: 40 s, 12 min, 1 h 13 min."""
    if seconds < 60.0:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60.0)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"

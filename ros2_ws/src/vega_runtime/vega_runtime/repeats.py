"""Lines that come again and again, as on a slow computer: told a few times, then summed up."""

from __future__ import annotations

from collections import deque

_OFTEN, _WITHIN_S = 4, 10.0


class Repeats:
    """Lets the first lines of a kind pass, and makes one sentence of what follows them closely.

    A kind is told in full again once there have been no more than four lines of it in ten seconds.

    Args:
        why: What makes them repeat and what to do, as the end of a sentence.
    """

    def __init__(self, why: str) -> None:
        self._why = why
        self._times_s: dict[str, deque[float]] = {}
        self._quiet: set[str] = set()

    def line(self, kind: str, text: str, now_s: float) -> str | None:
        """What to log of a line at a time of any steady clock; None when it is one of many."""
        times_s = self._times_s.setdefault(kind, deque(maxlen=_OFTEN + 1))
        times_s.append(now_s)
        if len(times_s) <= _OFTEN or not 0.0 <= now_s - times_s[0] <= _WITHIN_S:
            self._quiet.discard(kind)
            return text
        if kind in self._quiet:
            return None
        self._quiet.add(kind)
        return (
            f"{text}. This comes again and again and is not repeated until it is rarer: {self._why}"
        )

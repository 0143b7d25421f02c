"""What a series of capture stamps says about its stream."""

from __future__ import annotations

from dataclasses import dataclass

from vega_core.stamps import NS


@dataclass(frozen=True)
class StreamFigures:
    """What is known of a stream from its capture stamps.

    Attributes:
        count: Messages.
        first_ns: Earliest stamp; 0 if there is none.
        last_ns: Latest stamp; 0 if there is none.
        max_gap_s: Longest time without a stamp, between the first and the last (s).
    """

    count: int
    first_ns: int
    last_ns: int
    max_gap_s: float

    @property
    def hz(self) -> float:
        """Mean rate between first and last (Hz); 0 with fewer than two."""
        span = self.last_ns - self.first_ns
        return (self.count - 1) * NS / span if self.count > 1 and span > 0 else 0.0


class StreamCounter:
    """Follows a stream message by message."""

    def __init__(self) -> None:
        self.count = 0
        self._first = 0
        self._last = 0
        self._max_gap = 0

    def add(self, stamp_ns: int) -> None:
        """Counts a message. A stamp before its predecessor's is no gap."""
        if self.count == 0:
            self._first = self._last = stamp_ns
        else:
            self._max_gap = max(self._max_gap, stamp_ns - self._last)
            self._first = min(self._first, stamp_ns)
            self._last = max(self._last, stamp_ns)
        self.count += 1

    @property
    def figures(self) -> StreamFigures:
        return StreamFigures(self.count, self._first, self._last, self._max_gap / NS)

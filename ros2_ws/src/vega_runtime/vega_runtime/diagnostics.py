"""Measured rates, and /diagnostics messages made of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

OK, WARN, ERROR, STALE = (
    DiagnosticStatus.OK,
    DiagnosticStatus.WARN,
    DiagnosticStatus.ERROR,
    DiagnosticStatus.STALE,
)


class RateMeter:
    """Events a second over the newest `window` events."""

    def __init__(self, window: int = 200) -> None:
        self._times_s: deque[float] = deque(maxlen=window)

    def add(self, time_s: float) -> None:
        """Notes an event; times must not fall."""
        self._times_s.append(time_s)

    @property
    def hz(self) -> float:
        """The measured rate, 0 before the second event."""
        if len(self._times_s) < 2:
            return 0.0
        span = self._times_s[-1] - self._times_s[0]
        return (len(self._times_s) - 1) / span if span > 0 else 0.0


def report(
    stamp: Time, name: str, level: bytes, message: str, values: Mapping[str, object]
) -> DiagnosticArray:
    """A /diagnostics message with one status; `values` are shown as they print."""
    status = DiagnosticStatus(level=level, name=name, hardware_id="vega", message=message)
    status.values = [
        KeyValue(key=key, value=f"{value:.2f}" if isinstance(value, float) else str(value))
        for key, value in values.items()
    ]
    array = DiagnosticArray(status=[status])
    array.header.stamp = stamp
    return array

"""Times: nanoseconds since the epoch, as seconds and as UTC text."""

from __future__ import annotations

from datetime import datetime, timezone

NS = 1_000_000_000
"""Nanoseconds in a second."""


def seconds(time_ns: int) -> float:
    """Nanoseconds as seconds; of a time since the epoch, to about 0.2 microseconds."""
    return time_ns / NS


def nanoseconds(time_s: float) -> int:
    """Seconds as whole nanoseconds, rounded."""
    return round(time_s * NS)


def iso_utc(time_ns: int) -> str:
    """A time since the epoch as `2026-11-22T18:07:14.250Z`."""
    whole, rest = divmod(time_ns, NS)
    when = datetime.fromtimestamp(whole, timezone.utc)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{rest // 1_000_000:03d}Z"


def from_iso_utc(text: str) -> int:
    """The time since the epoch (ns, to the millisecond) of a text of `iso_utc`."""
    when = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    return int(when.timestamp()) * NS + when.microsecond * 1000

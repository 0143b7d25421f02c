"""Stamps of messages, as nanoseconds and as seconds."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from rclpy.clock import Clock

from vega_core.stamps import NS, nanoseconds


def to_time(time_ns: int) -> Time:
    """Nanoseconds as a message."""
    return Time(sec=time_ns // NS, nanosec=time_ns % NS)


def to_ns(stamp: Time) -> int:
    """A stamp in nanoseconds."""
    return int(stamp.sec) * NS + int(stamp.nanosec)


def to_seconds(stamp: Time) -> float:
    """A stamp in seconds."""
    return float(stamp.sec + stamp.nanosec * 1e-9)


def from_seconds(time_s: float) -> Time:
    """Seconds as a message, rounded to the nanosecond."""
    return to_time(nanoseconds(time_s))


def set_seconds(stamp: Time, time_s: float) -> None:
    """Writes a time in seconds into a stamp, rounded to the nanosecond."""
    stamp.sec, stamp.nanosec = divmod(nanoseconds(time_s), NS)


def now_s(clock: Clock) -> float:
    """What a clock shows, in seconds."""
    return float(clock.now().nanoseconds * 1e-9)

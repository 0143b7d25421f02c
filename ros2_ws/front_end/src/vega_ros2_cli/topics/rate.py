"""ros2 topic hz."""

from __future__ import annotations

import argparse
import collections
import statistics
import time

import rclpy
from rclpy.qos import qos_profile_sensor_data

from ..graph import cli_node
from ..interfaces import load_interface
from . import find_type

_REPORT_S = 1.0


class RateMeter:
    """Statistics of the last intervals between messages."""

    def __init__(self, window: int) -> None:
        """Create a meter over so many intervals."""
        self._intervals: collections.deque[float] = collections.deque(maxlen=window)
        self._last: float | None = None

    def add(self, now_s: float) -> None:
        """Take the arrival of a message."""
        if self._last is not None:
            self._intervals.append(now_s - self._last)
        self._last = now_s

    def report(self) -> str | None:
        """Return the rate in Hz and the spread of the intervals in words, None if unknown."""
        intervals = self._intervals
        if not intervals:
            return None
        mean = statistics.fmean(intervals)
        rate = 1.0 / mean if mean > 0.0 else 0.0
        return (
            f"average rate: {rate:.3f}\n"
            f"\tmin: {min(intervals):.3f}s max: {max(intervals):.3f}s "
            f"std dev: {statistics.pstdev(intervals):.5f}s window: {len(intervals)}"
        )


def print_rate(options: argparse.Namespace) -> int:
    """Print the rate of a topic each second until Ctrl-C."""
    with cli_node() as node:
        message_class = load_interface(find_type(node, options.topic, options.spin_time), "msg")
        meter = RateMeter(options.window)
        # Raw: the messages need not be decoded to be counted.
        node.create_subscription(
            message_class,
            options.topic,
            lambda _: meter.add(time.monotonic()),
            qos_profile_sensor_data,
            raw=True,
        )
        last_report, last_text = time.monotonic(), None
        while rclpy.ok():
            rclpy.spin_once(node, timeout_sec=0.1)
            if time.monotonic() - last_report < _REPORT_S:
                continue
            last_report = time.monotonic()
            text = meter.report()
            if text is not None and text != last_text:
                print(text, flush=True)
            last_text = text
    return 0

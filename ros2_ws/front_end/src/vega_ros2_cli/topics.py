"""What `ros2 topic` does with the messages of a topic: print, measure and publish them."""

from __future__ import annotations

import argparse
import collections
import statistics
import time
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_profile_sensor_data,
)

from .errors import OperatorError, suggest
from .graph import absolute, cli_node, wait_for
from .interfaces import fill, load_interface, read_fields, to_plain, to_yaml

_REPORT_S = 1.0
_DELIVERY_S = 0.2


def find_type(node: Node, topic: str, patience_s: float) -> str:
    """Return the type of a topic, waiting for it to appear.

    Raises:
        OperatorError: if it does not, or has several types.
    """
    name = absolute(topic)
    types = wait_for(node, lambda: dict(node.get_topic_names_and_types()).get(name), patience_s)
    if not types:
        known = [known for known, _ in node.get_topic_names_and_types()]
        raise OperatorError(
            f"topic '{name}' does not appear to be published yet. {suggest(name, known, 'topics')}"
        )
    if len(types) > 1:
        raise OperatorError(f"topic '{name}' has several types: {', '.join(types)}")
    return str(types[0])


def matching_qos(node: Node, topic: str, patience_s: float) -> QoSProfile:
    """Return a profile that receives from all present publishers of a topic.

    It is reliable, and gets the last message of before, only where every publisher offers that.
    """
    name = absolute(topic)
    infos = wait_for(node, lambda: node.get_publishers_info_by_topic(name), patience_s)
    offered = [info.qos_profile for info in infos]
    reliable = all(q.reliability == ReliabilityPolicy.RELIABLE for q in offered)
    latched = bool(offered) and all(
        q.durability == DurabilityPolicy.TRANSIENT_LOCAL for q in offered
    )
    return QoSProfile(
        depth=10,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def echo_messages(options: argparse.Namespace) -> int:
    """Print messages until Ctrl-C, or the first one with `--once`."""
    with cli_node() as node:
        type_name = options.type or find_type(node, options.topic, options.spin_time)
        message_class = load_interface(type_name, "msg")
        if options.field is not None:
            _select(message_class(), options.field)  # refuse a wrong name before waiting
        done = rclpy.task.Future()

        def show(message: Any) -> None:
            if done.done():
                return
            selected = message if options.field is None else _select(message, options.field)
            limit = None if options.full_length else options.truncate_length
            plain = to_plain(selected, limit=limit, arrays=not options.no_arr)
            print(to_yaml(plain, flow_style=options.flow_style) + "---", flush=True)
            if options.once:
                done.set_result(True)

        qos = matching_qos(node, options.topic, options.spin_time)
        node.create_subscription(message_class, options.topic, show, qos)
        rclpy.spin_until_future_complete(node, done)
    return 0


def _select(message: Any, path: str) -> Any:
    value = message
    for name in path.split("."):
        fields: dict[str, str] = getattr(value, "get_fields_and_field_types", dict)()
        if name not in fields:
            known = ", ".join(fields) or "none"
            raise OperatorError(
                f"there is no field '{name}' in {type(value).__name__}; its fields: {known}"
            )
        value = getattr(value, name)
    return value


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


def publish(options: argparse.Namespace) -> int:
    """Publish one message, or the same one until Ctrl-C."""
    if options.rate <= 0.0:
        raise OperatorError(f"--rate has to be positive, got {options.rate:g}")
    message_class = load_interface(options.type, "msg")
    message = fill(message_class(), read_fields(options.values))
    wanted = options.wait_matching_subscriptions
    if wanted is None:
        wanted = 1 if options.once else 0
    with cli_node() as node:
        publisher = node.create_publisher(message_class, absolute(options.topic), 10)
        while publisher.get_subscription_count() < wanted:
            print(f"Waiting for at least {wanted} matching subscription(s)...", flush=True)
            wait_for(node, lambda: publisher.get_subscription_count() >= wanted, 1.0)
        print("publisher: beginning loop", flush=True)
        count = 0
        while rclpy.ok():
            count += 1
            print(f"publishing #{count}: {message!r}\n", flush=True)
            publisher.publish(message)
            if options.once:
                # Fast DDS hands messages over in the background; keep the node for that long.
                time.sleep(_DELIVERY_S)
                break
            time.sleep(1.0 / options.rate)
    return 0

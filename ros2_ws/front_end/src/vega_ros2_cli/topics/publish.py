"""ros2 topic pub."""

from __future__ import annotations

import argparse
import time

import rclpy

from ..errors import OperatorError
from ..graph import absolute, cli_node, wait_for
from ..interfaces import fill, load_interface, read_fields

_DELIVERY_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    parser.add_argument("topic")
    parser.add_argument("type", help="for example std_msgs/msg/String")
    parser.add_argument("values", nargs="?", default="{}", help="fields of the message as YAML")
    parser.add_argument("-1", "--once", action="store_true", help="publish one message")
    parser.add_argument(
        "-r",
        "--rate",
        type=float,
        default=1.0,
        metavar="HZ",
        help="messages a second (default: %(default)s)",
    )
    parser.add_argument(
        "-w",
        "--wait-matching-subscriptions",
        type=int,
        metavar="N",
        help="wait for so many subscriptions first (default: 1 with --once, else 0)",
    )
    parser.set_defaults(call=publish)


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

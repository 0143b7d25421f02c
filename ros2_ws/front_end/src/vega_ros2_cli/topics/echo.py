"""ros2 topic echo."""

from __future__ import annotations

import argparse
from typing import Any

import rclpy

from ..errors import OperatorError
from ..graph import cli_node
from ..interfaces import load_interface, to_plain, to_yaml
from . import find_type, matching_qos


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    parser.add_argument("topic")
    parser.add_argument("type", nargs="?", help="found out if it is not given")
    parser.add_argument("--once", action="store_true", help="end after the first message")
    parser.add_argument("--field", help="print only this field, for example header.stamp")
    parser.add_argument("-f", "--full-length", action="store_true", help="do not cut anything")
    parser.add_argument(
        "-l",
        "--truncate-length",
        type=int,
        default=128,
        metavar="N",
        help="cut text and arrays after so many elements (default: %(default)s)",
    )
    parser.add_argument("--no-arr", action="store_true", help="do not print arrays")
    parser.add_argument("--flow-style", action="store_true", help="print collections on one line")
    parser.set_defaults(call=echo)


def echo(options: argparse.Namespace) -> int:
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

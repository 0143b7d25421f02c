"""ros2 topic."""

from __future__ import annotations

import argparse

from ..errors import OperatorError
from ..graph import absolute, add_graph_arguments, cli_node, is_hidden, settle
from ..topics import echo_messages, find_type, print_rate, publish


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of `ros2 topic`."""
    verbs = parser.add_subparsers(title="verbs", metavar="<verb>")
    listing = verbs.add_parser("list", help="list topics")
    listing.add_argument("-t", "--show-types", action="store_true", help="with their types")
    listing.add_argument("-c", "--count-topics", action="store_true", help="only their number")
    listing.add_argument(
        "--include-hidden-topics", action="store_true", help="also those with a leading _"
    )
    listing.set_defaults(call=_list)
    kind = verbs.add_parser("type", help="print the type of a topic")
    kind.add_argument("topic")
    kind.set_defaults(call=_type)
    info = verbs.add_parser("info", help="type and number of publishers and subscriptions")
    info.add_argument("topic")
    info.set_defaults(call=_info)
    echo = verbs.add_parser("echo", help="print the messages of a topic")
    _add_echo_arguments(echo)
    hz = verbs.add_parser("hz", help="measure the rate of a topic")
    _add_hz_arguments(hz)
    pub = verbs.add_parser("pub", help="publish a message")
    _add_pub_arguments(pub)
    for verb in (listing, kind, info, echo, hz, pub):
        add_graph_arguments(verb)


def _add_echo_arguments(echo: argparse.ArgumentParser) -> None:
    echo.add_argument("topic")
    echo.add_argument("type", nargs="?", help="found out if it is not given")
    echo.add_argument("--once", action="store_true", help="end after the first message")
    echo.add_argument("--field", help="print only this field, for example header.stamp")
    echo.add_argument("-f", "--full-length", action="store_true", help="do not cut anything")
    echo.add_argument(
        "-l",
        "--truncate-length",
        type=int,
        default=128,
        metavar="N",
        help="cut text and arrays after so many elements (default: %(default)s)",
    )
    echo.add_argument("--no-arr", action="store_true", help="do not print arrays")
    echo.add_argument("--flow-style", action="store_true", help="print collections on one line")
    echo.set_defaults(call=echo_messages)


def _add_hz_arguments(hz: argparse.ArgumentParser) -> None:
    hz.add_argument("topic")
    hz.add_argument(
        "-w",
        "--window",
        type=_positive,
        default=10000,
        metavar="N",
        help="average over so many messages (default: %(default)s)",
    )
    hz.add_argument(
        "--wall-time",
        action="store_true",
        help="accepted; the rate is always measured in wall time",
    )
    hz.set_defaults(call=print_rate)


def _add_pub_arguments(pub: argparse.ArgumentParser) -> None:
    pub.add_argument("topic")
    pub.add_argument("type", help="for example std_msgs/msg/String")
    pub.add_argument("values", nargs="?", default="{}", help="fields of the message as YAML")
    pub.add_argument("-1", "--once", action="store_true", help="publish one message")
    pub.add_argument(
        "-r",
        "--rate",
        type=float,
        default=1.0,
        metavar="HZ",
        help="messages a second (default: %(default)s)",
    )
    pub.add_argument(
        "-w",
        "--wait-matching-subscriptions",
        type=int,
        metavar="N",
        help="wait for so many subscriptions first (default: 1 with --once, else 0)",
    )
    pub.set_defaults(call=publish)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text}")
    return number


def _list(options: argparse.Namespace) -> None:
    with cli_node() as node:
        topics = settle(node, node.get_topic_names_and_types, options.spin_time)
    shown = sorted(
        (name, types)
        for name, types in topics
        if options.include_hidden_topics or not is_hidden(name)
    )
    if options.count_topics:
        print(len(shown))
        return
    for name, types in shown:
        print(f"{name} [{', '.join(types)}]" if options.show_types else name)


def _type(options: argparse.Namespace) -> None:
    with cli_node() as node:
        print(find_type(node, options.topic, options.spin_time))


def _info(options: argparse.Namespace) -> None:
    topic = absolute(options.topic)
    with cli_node() as node:
        try:
            kind = find_type(node, topic, options.spin_time)
        except OperatorError as error:
            raise OperatorError(f"Unknown topic '{topic}'. {error}") from error
        publishers, subscriptions = settle(
            node,
            lambda: (node.count_publishers(topic), node.count_subscribers(topic)),
            options.spin_time,
        )
    print(f"Type: {kind}")
    print(f"Publisher count: {publishers}")
    print(f"Subscription count: {subscriptions}")

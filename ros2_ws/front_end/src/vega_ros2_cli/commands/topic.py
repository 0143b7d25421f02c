"""ros2 topic."""

from __future__ import annotations

import argparse

from ..errors import OperatorError
from ..graph import absolute, add_graph_arguments, cli_node, is_hidden, settle
from ..topics import echo as echo_topic
from ..topics import find_type
from ..topics import publish as publish_topic
from ..topics.rate import print_rate


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
    echo_topic.add_arguments(echo)
    hz = verbs.add_parser("hz", help="measure the rate of a topic")
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
    pub = verbs.add_parser("pub", help="publish a message")
    publish_topic.add_arguments(pub)
    for verb in (listing, kind, info, echo, hz, pub):
        add_graph_arguments(verb)


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

"""ros2 node."""

from __future__ import annotations

import argparse
import sys

from ..graph import (
    add_graph_arguments,
    cli_node,
    find_node,
    is_hidden,
    node_names,
    settle,
    split_name,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of `ros2 node`."""
    verbs = parser.add_subparsers(title="verbs", metavar="<verb>")
    listing = verbs.add_parser("list", help="list nodes")
    listing.add_argument("-c", "--count-nodes", action="store_true", help="only their number")
    listing.set_defaults(call=_list)
    info = verbs.add_parser("info", help="topics and services of a node")
    info.add_argument("node")
    info.set_defaults(call=_info)
    for verb in (listing, info):
        add_graph_arguments(verb)


def _list(options: argparse.Namespace) -> None:
    with cli_node() as node:
        names = settle(node, lambda: node_names(node), options.spin_time)
    if options.count_nodes:
        print(len(names))
        return
    if len(names) != len(set(names)):
        print("WARNING: some nodes share the same full name", file=sys.stderr)
    for name in names:
        print(name)


def _info(options: argparse.Namespace) -> None:
    with cli_node() as node:
        full_name = find_node(node, options.node, options.spin_time)
        name = split_name(full_name)
        sections = {
            "Subscribers": node.get_subscriber_names_and_types_by_node,
            "Publishers": node.get_publisher_names_and_types_by_node,
            "Service Servers": node.get_service_names_and_types_by_node,
            "Service Clients": node.get_client_names_and_types_by_node,
        }
        found = settle(
            node, lambda: {title: get(*name) for title, get in sections.items()}, options.spin_time
        )
    print(full_name)
    for title, entries in found.items():
        print(f"  {title}:")
        for topic, types in sorted(entries):
            if not is_hidden(topic):
                print(f"    {topic}: {', '.join(types)}")

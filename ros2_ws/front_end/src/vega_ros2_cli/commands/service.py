"""ros2 service."""

from __future__ import annotations

import argparse

import rclpy

from ..errors import OperatorError, suggest
from ..graph import absolute, add_graph_arguments, cli_node, is_hidden, settle, wait_for
from ..interfaces import fill, load_interface, read_fields


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of `ros2 service`."""
    verbs = parser.add_subparsers(title="verbs", metavar="<verb>")
    listing = verbs.add_parser("list", help="list services")
    listing.add_argument("-t", "--show-types", action="store_true", help="with their types")
    listing.add_argument("-c", "--count-services", action="store_true", help="only their number")
    listing.set_defaults(call=_list)
    kind = verbs.add_parser("type", help="print the type of a service")
    kind.add_argument("service")
    kind.set_defaults(call=_type)
    call = verbs.add_parser("call", help="call a service")
    call.add_argument("service")
    call.add_argument("type", help="for example std_srvs/srv/Trigger")
    call.add_argument("values", nargs="?", default="{}", help="fields of the request as YAML")
    call.set_defaults(call=_call)
    for verb in (listing, kind, call):
        add_graph_arguments(verb)


def _list(options: argparse.Namespace) -> None:
    with cli_node() as node:
        services = settle(node, node.get_service_names_and_types, options.spin_time)
    shown = sorted((name, types) for name, types in services if not is_hidden(name))
    if options.count_services:
        print(len(shown))
        return
    for name, types in shown:
        print(f"{name} [{', '.join(types)}]" if options.show_types else name)


def _type(options: argparse.Namespace) -> None:
    name = absolute(options.service)
    with cli_node() as node:
        types = wait_for(
            node, lambda: dict(node.get_service_names_and_types()).get(name), options.spin_time
        )
        if not types:
            known = [name for name, _ in node.get_service_names_and_types()]
            hint = suggest(name, known, "services")
            raise OperatorError(f"Service '{name}' not found. {hint}")
    print(*types, sep="\n")


def _call(options: argparse.Namespace) -> None:
    service_type = load_interface(options.type, "srv")
    request = fill(service_type.Request(), read_fields(options.values))
    with cli_node() as node:
        client = node.create_client(service_type, options.service)
        if not client.service_is_ready():
            print("waiting for service to become available...", flush=True)
        if not client.wait_for_service(timeout_sec=options.spin_time):
            wanted = absolute(options.service)
            names = (name for name, _ in node.get_service_names_and_types())
            known = (name for name in names if name != wanted and not is_hidden(name))
            hint = suggest(wanted, known, "services")
            print(f"'{wanted}' is not there yet; Ctrl-C ends the wait. {hint}", flush=True)
        while not client.wait_for_service(timeout_sec=0.5):
            pass  # the operator ends the wait with Ctrl-C
        print(f"requester: making request: {request!r}\n", flush=True)
        future = client.call_async(request)
        rclpy.spin_until_future_complete(node, future)
        print(f"response:\n{future.result()!r}\n")

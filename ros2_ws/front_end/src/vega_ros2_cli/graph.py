"""A node of the command line, and what it finds in the ROS graph."""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from .errors import OperatorError, suggest

T = TypeVar("T")

_POLL_S = 0.05
_QUIET_S = 1.0
_LONGEST_S = 5.0  # an announcement that is missed is repeated after 3 s


def add_graph_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of all verbs that look at the graph."""
    parser.add_argument(
        "--spin-time",
        type=float,
        default=_LONGEST_S,
        metavar="S",
        help="seconds to look for other nodes at the longest (default: %(default)s)",
    )
    parser.add_argument("--no-daemon", action="store_true", help="accepted; there is no daemon")


@contextlib.contextmanager
def cli_node() -> Iterator[Node]:
    """Make a node for the time of a command; Ctrl-C ends the command.

    Raises:
        OperatorError: if ROS 2 cannot start in this environment.
    """
    _refuse_surroundings()
    # Python's own signal handling: KeyboardInterrupt reaches the command at once.
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = Node(f"_ros2cli_{os.getpid()}", start_parameter_services=False, enable_rosout=False)
    try:
        yield node
    except ExternalShutdownException:
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def _refuse_surroundings() -> None:
    try:
        from vega_runtime.surroundings import problem
    except ImportError:  # the workspace of this repository is not sourced
        return
    if told := problem():
        raise OperatorError(told)


def wait_for(node: Node, find: Callable[[], T], patience_s: float) -> T:
    """Return what `find` returns, as soon as it is true or the time is over."""
    deadline = time.monotonic() + patience_s
    while True:
        found = find()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(_POLL_S)


def settle(node: Node, look: Callable[[], T], longest_s: float) -> T:
    """Return what `look` sees of the graph, once others are there and it stays the same a while."""
    end = time.monotonic() + longest_s
    seen, since = look(), time.monotonic()
    while time.monotonic() < end:
        time.sleep(_POLL_S)
        now = look()
        if now != seen:
            seen, since = now, time.monotonic()
        if node_names(node) and time.monotonic() - since > _QUIET_S:
            break
    return seen


def is_hidden(name: str) -> bool:
    """Return whether a part of a ROS name starts with an underscore."""
    return any(part.startswith("_") for part in name.split("/"))


def absolute(name: str) -> str:
    """Return a ROS name with a leading slash."""
    return name if name.startswith("/") else f"/{name}"


def node_names(node: Node) -> list[str]:
    """Return the full names of all nodes but hidden ones, sorted; duplicates stay."""
    full = (
        f"{namespace.rstrip('/')}/{name}"
        for name, namespace in node.get_node_names_and_namespaces()
    )
    return sorted(name for name in full if not is_hidden(name))


def split_name(full_name: str) -> tuple[str, str]:
    """Return the base name and the namespace of a full node name."""
    namespace, _, name = full_name.rpartition("/")
    return name, namespace or "/"


def find_node(node: Node, name: str, patience_s: float) -> str:
    """Return the full name of a node, waiting for it to appear.

    Raises:
        OperatorError: if it does not.
    """
    full_name = absolute(name)
    if not wait_for(node, lambda: full_name in node_names(node), patience_s):
        hint = suggest(full_name, node_names(node), "nodes")
        raise OperatorError(f"Node '{full_name}' not found. {hint}")
    return full_name


def call_service(
    node: Node, service_type: Any, name: str, request: Any, patience_s: float = 5.0
) -> Any:
    """Return the response of a service.

    Raises:
        OperatorError: if the service does not appear or does not answer in time.
    """
    client = node.create_client(service_type, name)
    try:
        if not client.wait_for_service(timeout_sec=patience_s):
            raise OperatorError(f"service '{name}' is not available")
        future = client.call_async(request)
        rclpy.spin_until_future_complete(node, future, timeout_sec=patience_s)
        if not future.done():
            raise OperatorError(f"service '{name}' did not answer within {patience_s:g} s")
        return future.result()
    finally:
        node.destroy_client(client)

"""ros2 lifecycle."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from lifecycle_msgs.srv import ChangeState, GetAvailableTransitions, GetState
from rclpy.node import Node

from ..errors import OperatorError
from ..graph import absolute, add_graph_arguments, call_service, cli_node, settle, wait_for

_SUFFIX = "/get_state"
_TRANSITION_PATIENCE_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of `ros2 lifecycle`."""
    verbs = parser.add_subparsers(title="verbs", metavar="<verb>")
    nodes = verbs.add_parser("nodes", help="list lifecycle nodes")
    nodes.set_defaults(call=_nodes)
    get = verbs.add_parser("get", help="print the state of lifecycle nodes")
    get.add_argument("node", nargs="?", help="only of this node")
    get.set_defaults(call=_get)
    listing = verbs.add_parser("list", help="list the transitions a node can make now")
    listing.add_argument("node")
    listing.set_defaults(call=_list)
    setting = verbs.add_parser("set", help="make a node change its state")
    setting.add_argument("node")
    setting.add_argument("transition", help="its label, for example activate, or its number")
    setting.set_defaults(call=_set)
    for verb in (nodes, get, listing, setting):
        add_graph_arguments(verb)


def _lifecycle_nodes(node: Node) -> list[str]:
    services = node.get_service_names_and_types()
    return sorted(
        name.removesuffix(_SUFFIX)
        for name, types in services
        if name.endswith(_SUFFIX) and "lifecycle_msgs/srv/GetState" in types
    )


def _find(node: Node, options: argparse.Namespace) -> str:
    full_name = absolute(options.node)
    if not wait_for(node, lambda: full_name in _lifecycle_nodes(node), options.spin_time):
        there = ", ".join(_lifecycle_nodes(node)) or "none"
        raise OperatorError(f"Node '{full_name}' not found. Lifecycle nodes: {there}")
    return full_name


def _state(node: Node, full_name: str) -> str:
    response = call_service(node, GetState, f"{full_name}/get_state", GetState.Request())
    return f"{response.current_state.label} [{response.current_state.id}]"


def _transitions(node: Node, full_name: str) -> list[Any]:
    request = GetAvailableTransitions.Request()
    name = f"{full_name}/get_available_transitions"
    response = call_service(node, GetAvailableTransitions, name, request)
    return list(response.available_transitions)


def _nodes(options: argparse.Namespace) -> None:
    with cli_node() as node:
        for name in settle(node, lambda: _lifecycle_nodes(node), options.spin_time):
            print(name)


def _get(options: argparse.Namespace) -> None:
    with cli_node() as node:
        if options.node is not None:
            print(_state(node, _find(node, options)))
            return
        for name in settle(node, lambda: _lifecycle_nodes(node), options.spin_time):
            print(f"{name}: {_state(node, name)}", flush=True)


def _list(options: argparse.Namespace) -> None:
    with cli_node() as node:
        for item in _transitions(node, _find(node, options)):
            print(f"- {item.transition.label} [{item.transition.id}]")
            print(f"\tStart: {item.start_state.label}")
            print(f"\tGoal: {item.goal_state.label}")


def _set(options: argparse.Namespace) -> int:
    with cli_node() as node:
        full_name = _find(node, options)
        available = [item.transition for item in _transitions(node, full_name)]
        wanted = options.transition
        chosen = [t for t in available if wanted in (t.label, str(t.id))]
        if not chosen:
            listed = "".join(f"\n- {t.label} [{t.id}]" for t in available)
            raise OperatorError(
                f"Unknown transition '{wanted}' requested, available ones are:{listed}"
            )
        request = ChangeState.Request(transition=chosen[0])
        name = f"{full_name}/change_state"
        response = call_service(node, ChangeState, name, request, _TRANSITION_PATIENCE_S)
    if response.success:
        print("Transitioning successful")
        return 0
    print("Transitioning failed", file=sys.stderr)
    return 1

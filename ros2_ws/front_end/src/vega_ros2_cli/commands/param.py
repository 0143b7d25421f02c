"""ros2 param."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters, ListParameters, SetParameters
from rclpy.node import Node
from rclpy.parameter import get_parameter_value, parameter_value_to_python

from ..errors import OperatorError, suggest
from ..graph import add_graph_arguments, call_service, cli_node, find_node, node_names, settle

_LABELS = {
    ParameterType.PARAMETER_BOOL: "Boolean value is:",
    ParameterType.PARAMETER_INTEGER: "Integer value is:",
    ParameterType.PARAMETER_DOUBLE: "Double value is:",
    ParameterType.PARAMETER_STRING: "String value is:",
    ParameterType.PARAMETER_BYTE_ARRAY: "Byte values are:",
    ParameterType.PARAMETER_BOOL_ARRAY: "Boolean values are:",
    ParameterType.PARAMETER_INTEGER_ARRAY: "Integer values are:",
    ParameterType.PARAMETER_DOUBLE_ARRAY: "Double values are:",
    ParameterType.PARAMETER_STRING_ARRAY: "String values are:",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of `ros2 param`."""
    verbs = parser.add_subparsers(title="verbs", metavar="<verb>")
    listing = verbs.add_parser("list", help="list parameters")
    listing.add_argument("node", nargs="?", help="only those of this node")
    listing.set_defaults(call=_list)
    get = verbs.add_parser("get", help="print the value of a parameter")
    get.add_argument("--hide-type", action="store_true", help="only the value")
    get.set_defaults(call=_get)
    setting = verbs.add_parser("set", help="set a parameter")
    setting.set_defaults(call=_set)
    for verb in (get, setting):
        verb.add_argument("node")
        verb.add_argument("parameter")
    setting.add_argument("value", help="in YAML notation")
    for verb in (listing, get, setting):
        add_graph_arguments(verb)


def _names(node: Node, full_name: str) -> list[str]:
    response = call_service(
        node, ListParameters, f"{full_name}/list_parameters", ListParameters.Request()
    )
    return sorted(response.result.names)


def _list(options: argparse.Namespace) -> int:
    failed = False
    with cli_node() as node:
        if options.node is not None:
            full_name = find_node(node, options.node, options.spin_time)
            print(*(f"  {name}" for name in _names(node, full_name)), sep="\n")
            return 0
        for full_name in settle(node, lambda: node_names(node), options.spin_time):
            try:
                names = _names(node, full_name)
            except OperatorError as error:
                print(error, file=sys.stderr)
                failed = True
                continue
            if names:
                print(f"{full_name}:", *(f"  {name}" for name in names), sep="\n", flush=True)
    return int(failed)


def _present_value(node: Node, full_name: str, name: str) -> ParameterValue:
    request = GetParameters.Request(names=[name])
    response = call_service(node, GetParameters, f"{full_name}/get_parameters", request)
    if not response.values:
        hint = suggest(name, _names(node, full_name), "parameters")
        raise OperatorError(f"Parameter '{name}' of '{full_name}' is not declared. {hint}")
    return response.values[0]


def _get(options: argparse.Namespace) -> int:
    with cli_node() as node:
        full_name = find_node(node, options.node, options.spin_time)
        value = _present_value(node, full_name, options.parameter)
    if value.type == ParameterType.PARAMETER_NOT_SET:
        print("Parameter not set.", file=sys.stderr)
        return 1
    plain: Any = parameter_value_to_python(value)
    if hasattr(plain, "tolist"):
        plain = plain.tolist()
    print(plain if options.hide_type else f"{_LABELS[value.type]} {plain}")
    return 0


def _set(options: argparse.Namespace) -> int:
    value = get_parameter_value(options.value)
    with cli_node() as node:
        full_name = find_node(node, options.node, options.spin_time)
        request = SetParameters.Request(parameters=[Parameter(name=options.parameter, value=value)])
        response = call_service(node, SetParameters, f"{full_name}/set_parameters", request)
    result = response.results[0]
    if result.successful:
        print("Set parameter successful" + (f": {result.reason}" if result.reason else ""))
        return 0
    print(f"Setting parameter failed: {result.reason}", file=sys.stderr)
    return 1

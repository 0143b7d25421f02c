"""A node's parameters as a dataclass: name, type, default, description and range in one place.

@dataclass(frozen=True)
class Parameters:
    rate_hz: float = parameter(200.0, "commands a second", low=1.0, high=1000.0)

parameters = declare(node, Parameters)
"""

from __future__ import annotations

import dataclasses
import difflib
from typing import Any, TypeVar, get_type_hints

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterUninitializedException,
)
from rclpy.node import Node

T = TypeVar("T")
_OWN_TO_ROS = ("use_sim_time", "start_type_description_service")


class ParameterError(ValueError):
    """A parameter is unknown, of the wrong type or out of range; the text names it."""


def parameter(
    default: Any, description: str, low: float | None = None, high: float | None = None
) -> Any:
    """A dataclass field that `declare` turns into a read-only ROS parameter.

    Lists take a tuple as default. A default that is only known when the node starts is given as a
    function without arguments. `low` and `high` bound a number, inclusive.
    """
    metadata = {"description": description, "low": low, "high": high}
    return dataclasses.field(default=default, metadata=metadata)


def declare(node: Node, schema: type[T]) -> T:
    """Declares every field of `schema` on the node and returns the values given to it.

    Raises:
        ParameterError: A given key is not in the schema, or a value has the wrong type or range.
    """
    hints = get_type_hints(schema)
    fields = {f.name: f for f in dataclasses.fields(schema)}  # type: ignore[arg-type]
    _refuse_unknown(node, list(fields))
    values = {name: _declare_one(node, f, hints[name]) for name, f in fields.items()}
    return schema(**values)


def _refuse_unknown(node: Node, known: list[str]) -> None:
    # rclpy has no public list of the overrides that were given but never declared.
    for name in node._parameter_overrides:
        if name in known or name in _OWN_TO_ROS or name.startswith("qos_overrides."):
            continue
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise ParameterError(
            f"unknown parameter '{name}' for node {node.get_name()}; "
            f"it knows: {', '.join(known) or 'none'}.{hint}"
        )


def _declare_one(node: Node, field: dataclasses.Field[Any], hint: Any) -> Any:
    given_default = field.default() if callable(field.default) else field.default
    default = list(given_default) if isinstance(given_default, tuple) else given_default
    descriptor = ParameterDescriptor(description=field.metadata["description"], read_only=True)
    low, high = field.metadata["low"], field.metadata["high"]
    if low is not None or high is not None:
        if isinstance(given_default, float):
            lower = float("-inf") if low is None else float(low)
            upper = float("inf") if high is None else float(high)
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=lower, to_value=upper, step=0.0)
            ]
        else:
            lower_int = -(2**63) if low is None else int(low)
            upper_int = 2**63 - 1 if high is None else int(high)
            descriptor.integer_range = [
                IntegerRange(from_value=lower_int, to_value=upper_int, step=1)
            ]
    try:
        value = node.declare_parameter(field.name, default, descriptor).value
    except (
        InvalidParameterTypeException,
        InvalidParameterValueException,
        ParameterUninitializedException,
    ) as error:
        given = node._parameter_overrides[field.name].value
        bounds = _format_bounds(low, high)
        raise ParameterError(
            f"parameter '{field.name}' of node {node.get_name()}: expected "
            f"{getattr(hint, '__name__', hint)}{bounds}, got {given!r}"
        ) from error
    return tuple(value) if isinstance(given_default, tuple) else value


def _format_bounds(low: float | None, high: float | None) -> str:
    if low is None:
        return "" if high is None else f" of at most {high}"
    return f" of at least {low}" if high is None else f" between {low} and {high}"

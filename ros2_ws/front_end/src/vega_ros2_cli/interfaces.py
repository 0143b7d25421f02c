"""Message, service and action types by name, and their values as YAML."""

from __future__ import annotations

import array
import importlib
import re
from collections.abc import Mapping
from typing import Any

import yaml

from .errors import OperatorError

_ARRAY = re.compile(r"(?:sequence<)?(?P<element>[^\[<>,]+)(?:<\d+>)?(?:\[(?P<size>\d+)\])?")
_INTEGER = re.compile(r"(?P<unsigned>u?)int(?P<bits>\d+)")


def load_interface(name: str, kind: str) -> Any:
    """Return the class of a type such as `std_msgs/msg/String`.

    Args:
        name: package and type, with or without the kind between them.
        kind: msg, srv or action.

    Raises:
        OperatorError: if there is no such type.
    """
    parts = name.split("/")
    if len(parts) == 2:
        parts.insert(1, kind)
    if len(parts) != 3 or parts[1] != kind or not all(parts):
        raise OperatorError(f"'{name}' is not a type, expected <package>/{kind}/<Type>")
    try:
        module = importlib.import_module(f"{parts[0]}.{kind}")
    except ModuleNotFoundError:
        raise OperatorError(
            f"the type '{name}' is not known: there is no package '{parts[0]}' with interfaces; "
            "is its workspace sourced?"
        ) from None
    interface = getattr(module, parts[2], None)
    if interface is None:
        raise OperatorError(f"the type '{name}' is not known: not in package '{parts[0]}'")
    return interface


def to_plain(value: Any, *, limit: int | None = None, arrays: bool = True) -> Any:
    """Return a message as dictionaries, lists and scalars.

    Args:
        value: a message or the value of a field.
        limit: cut text and arrays after so many characters or elements; None keeps all.
        arrays: False puts a note in the place of arrays.
    """
    if hasattr(value, "get_fields_and_field_types"):
        return {
            name: to_plain(getattr(value, name), limit=limit, arrays=arrays)
            for name in value.get_fields_and_field_types()
        }
    if isinstance(value, (bytes, bytearray)):
        return to_plain(list(value), limit=limit, arrays=arrays)
    if isinstance(value, str):
        return value if limit is None or len(value) <= limit else value[:limit] + "..."
    if isinstance(value, (list, tuple, array.array)) or hasattr(value, "tolist"):
        if not arrays:
            return f"<array of {len(value)} elements>"
        shown = value if limit is None else value[:limit]
        items = shown.tolist() if hasattr(shown, "tolist") else shown
        plain = [to_plain(item, limit=limit, arrays=arrays) for item in items]
        return plain if len(plain) == len(value) else [*plain, "..."]
    return value


def to_yaml(value: Any, *, flow_style: bool = False) -> str:
    """Return plain values in the notation of `ros2 topic echo`, with a line end."""
    text = yaml.safe_dump(
        value,
        sort_keys=False,
        default_flow_style=flow_style,
        allow_unicode=True,
        width=float("inf"),
    )
    return str(text).removesuffix("...\n")


def read_fields(text: str) -> dict[str, Any]:
    """Return the fields that an operator has given as YAML.

    Raises:
        OperatorError: if it is not a YAML dictionary.
    """
    try:
        fields = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise OperatorError(f"not valid YAML: {text!r}: {error}") from error
    if fields is None:
        return {}
    if not isinstance(fields, dict):
        raise OperatorError(f"expected fields as a YAML dictionary like '{{a: 1}}', got {text!r}")
    return fields


def fill(message: Any, fields: Mapping[str, Any]) -> Any:
    """Set the fields of a message and return it.

    Raises:
        OperatorError: for an unknown field or a value of the wrong type.
    """
    types = message.get_fields_and_field_types()
    for name, value in fields.items():
        if name not in types:
            known = ", ".join(types) or "none"
            raise OperatorError(
                f"{type(message).__name__} has no field '{name}'. Its fields: {known}"
            )
        try:
            setattr(message, name, _convert(getattr(message, name), types[name], value))
        except (AssertionError, TypeError, ValueError, OverflowError) as error:
            raise OperatorError(
                f"field '{name}' of {type(message).__name__} is {types[name]}, "
                f"it cannot be {value!r} ({error})"
            ) from error
    return message


def _convert(present: Any, type_name: str, value: Any) -> Any:
    """Return `value` as the field's type wants it; `present` is the field's present value."""
    if hasattr(present, "get_fields_and_field_types"):
        return fill(present, value or {})
    if not isinstance(present, (list, tuple, array.array)) and not hasattr(present, "tolist"):
        return _convert_scalar(type_name, value)
    if not isinstance(value, list):
        raise TypeError("expected a list")
    match = _ARRAY.match(type_name)
    assert match is not None
    if match["size"] is not None and len(value) != int(match["size"]):
        raise ValueError(f"expected {match['size']} elements, got {len(value)}")
    element = match["element"]
    if "/" in element:
        message_class = load_interface(element, "msg")
        return [fill(message_class(), item) for item in value]
    return [_convert_scalar(element, item) for item in value]


def _convert_scalar(type_name: str, value: Any) -> Any:
    # Messages do not check what is assigned to them, and what is wrong ends the process when it
    # is sent: it has to be found here.
    integer = _INTEGER.fullmatch(type_name)
    if integer is not None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError("expected an integer")
        bits = int(integer["bits"])
        low, high = (0, 2**bits) if integer["unsigned"] else (-(2 ** (bits - 1)), 2 ** (bits - 1))
        if not low <= value < high:
            raise ValueError(f"expected {low} to {high - 1}")
        return value
    if type_name == "boolean":
        if not isinstance(value, bool):
            raise TypeError("expected true or false")
        return value
    if type_name in ("float", "double"):
        return float(value)
    if type_name == "octet":
        return bytes([value])
    if isinstance(value, (dict, list)):
        raise TypeError("expected text")
    return str(value)

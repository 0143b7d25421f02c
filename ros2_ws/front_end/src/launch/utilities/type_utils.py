"""Text to typed values, by the rules of YAML."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import yaml

from ..substitution import Substitution
from ..uncovered import plain_module_getattr
from . import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from ..launch_context import LaunchContext

__all__ = [
    "coerce_to_type",
    "is_substitution",
    "perform_typed_substitution",
]

SCALAR_TYPES = (bool, int, float, str)


def is_substitution(value: Any) -> bool:
    """Return whether `value` is a substitution, or a sequence of text with at least one."""
    if isinstance(value, Substitution):
        return True
    return (
        isinstance(value, Sequence)
        and not isinstance(value, (str, bytes))
        and all(isinstance(item, (Substitution, str)) for item in value)
        and any(isinstance(item, Substitution) for item in value)
    )


def perform_typed_substitution(context: LaunchContext, value: Any, data_type: Any) -> Any:
    """Return `value` as `data_type`, after performing the substitutions in it.

    Args:
        context: the launch context.
        value: a scalar, text, a substitution, or a sequence of them.
        data_type: bool, int, float, str, a List of one of them, or None for what YAML makes of it.

    Raises:
        ValueError: if the value cannot be read as that type.
    """
    if isinstance(value, str) or is_substitution(value):
        text = perform_substitutions(context, normalize_to_list_of_substitutions(value))
        return coerce_to_type(text, data_type)
    if isinstance(value, (list, tuple)):
        items = [perform_typed_substitution(context, v, _item_type(data_type)) for v in value]
        return _uniform(items, data_type)
    if data_type is float and type(value) is int:
        return float(value)
    if data_type is not None and type(value) is not data_type:
        raise ValueError(f"{value!r} is not a value of type {_type_name(data_type)}")
    return value


def coerce_to_type(value: str, data_type: Any = None) -> Any:
    """Return the value that the text stands for.

    Raises:
        ValueError: if the text cannot be read as `data_type`.
    """
    if data_type is str:
        return value
    if data_type is bool and value in ("0", "1"):
        return value == "1"
    if data_type in (int, float):
        return data_type(value)
    if not value:
        return value
    try:
        loaded = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ValueError(f"{value!r} is not valid YAML: {error}") from error
    if isinstance(loaded, list):
        return _uniform(loaded, data_type)
    wanted = SCALAR_TYPES if data_type is None else (data_type,)
    if type(loaded) not in wanted:
        raise ValueError(f"{value!r} cannot be read as {_type_name(data_type)}")
    return loaded


def _uniform(items: list[Any], data_type: Any) -> list[Any]:
    item_type = _item_type(data_type)
    if data_type is not None and item_type is None:
        raise ValueError(f"{items!r} is not a value of type {_type_name(data_type)}")
    kinds = {type(item) for item in items}
    if kinds == {int, float} and item_type in (None, float):
        return [float(item) for item in items]
    if len(kinds) > 1 or not kinds <= {item_type or kind for kind in SCALAR_TYPES}:
        raise ValueError(f"{items!r} is not a list of one type of value")
    return items


def _item_type(data_type: Any) -> Any:
    if typing.get_origin(data_type) is list:
        return typing.get_args(data_type)[0]
    return None


def _type_name(data_type: Any) -> str:
    if data_type is None:
        return "a boolean, number, text or list of them"
    return getattr(data_type, "__name__", str(data_type))


__getattr__ = plain_module_getattr(__name__)

"""Helpers for substitutions and actions: text from substitutions, typed values from text."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from .substitution import SomeSubstitutionsType, Substitution, TextSubstitution
from .uncovered import module_getattr

if TYPE_CHECKING:
    from .launch_context import LaunchContext

__all__ = [
    "describe_substitutions",
    "normalize_to_list_of_substitutions",
    "perform_substitutions",
    "text_of",
    "typed_value",
]

_SCALAR_TYPES = (bool, int, float, str)


def normalize_to_list_of_substitutions(subs: SomeSubstitutionsType) -> list[Substitution]:
    """Return text, a substitution or a sequence of both as a list of substitutions.

    Raises:
        TypeError: if there is anything else in it.
    """
    if isinstance(subs, (str, Substitution)) or not isinstance(subs, Iterable):
        subs = [subs]
    return [_as_substitution(item) for item in subs]


def _as_substitution(item: Any) -> Substitution:
    if isinstance(item, Substitution):
        return item
    if isinstance(item, str):
        return TextSubstitution(text=item)
    raise TypeError(f"expected text or a substitution, got {item!r} of type {type(item).__name__}")


def perform_substitutions(context: LaunchContext, subs: Iterable[Substitution]) -> str:
    """Return the joined text of the substitutions."""
    return "".join(context.perform_substitution(sub) for sub in subs)


def text_of(context: LaunchContext, subs: SomeSubstitutionsType) -> str:
    """Return the text of what may stand for text: both of the functions above in one."""
    return perform_substitutions(context, normalize_to_list_of_substitutions(subs))


def describe_substitutions(subs: Iterable[Substitution]) -> str:
    """Return the substitutions in the notation of `--show-args`."""
    return " + ".join(sub.describe() for sub in subs)


def typed_value(context: LaunchContext, value: Any, data_type: Any) -> Any:
    """Return `value` as `data_type`, after performing the substitutions in it.

    Args:
        context: the launch context.
        value: a scalar, text, a substitution, or a sequence of them.
        data_type: bool, int, float, str, a List of one of them, or None for what YAML makes of it.

    Raises:
        ValueError: if the value cannot be read as that type.
    """
    if isinstance(value, str) or is_substitution(value):
        return _read(text_of(context, value), data_type)
    if isinstance(value, (list, tuple)):
        items = [typed_value(context, item, _item_type(data_type)) for item in value]
        return _uniform(items, data_type)
    if data_type is float and type(value) is int:
        return float(value)
    if data_type is not None and type(value) is not data_type:
        raise ValueError(f"{value!r} is not a value of type {_type_name(data_type)}")
    return value


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


def _read(text: str, data_type: Any) -> Any:
    """Return the value that the text stands for, by the rules of YAML."""
    if data_type is str or (not text and data_type not in (int, float)):
        return text
    if data_type is bool and text in ("0", "1"):
        return text == "1"
    if data_type in (int, float):
        return data_type(text)
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{text!r} is not valid YAML: {error}") from error
    if isinstance(loaded, list):
        return _uniform(loaded, data_type)
    if type(loaded) not in (_SCALAR_TYPES if data_type is None else (data_type,)):
        raise ValueError(f"{text!r} cannot be read as {_type_name(data_type)}")
    return loaded


def _uniform(items: list[Any], data_type: Any) -> list[Any]:
    item_type = _item_type(data_type)
    if data_type is not None and item_type is None:
        raise ValueError(f"{items!r} is not a value of type {_type_name(data_type)}")
    kinds = {type(item) for item in items}
    if kinds == {int, float} and item_type in (None, float):
        return [float(item) for item in items]
    if len(kinds) > 1 or not kinds <= {item_type or kind for kind in _SCALAR_TYPES}:
        raise ValueError(f"{items!r} is not a list of one type of value")
    return items


def _item_type(data_type: Any) -> Any:
    is_list = typing.get_origin(data_type) is list
    return typing.get_args(data_type)[0] if is_list else None


def _type_name(data_type: Any) -> str:
    if data_type is None:
        return "a boolean, number, text or list of them"
    return getattr(data_type, "__name__", str(data_type))


__getattr__ = module_getattr(__name__)

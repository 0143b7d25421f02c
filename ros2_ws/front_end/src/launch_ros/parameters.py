"""Evaluation of the parameter dictionaries in launch files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from launch.substitution import Substitution
from launch.utilities import normalize_to_list_of_substitutions, text_of, typed_value

from .parameter_descriptions import ParameterValue

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

_SCALARS = (bool, int, float, str)


def evaluate_parameter_dict(
    context: LaunchContext, parameters: Mapping[Any, Any], prefix: str = ""
) -> dict[str, Any]:
    """Return parameter values by full name; nested dictionaries become names with dots.

    Text stays text. What substitutions yield is read by the rules of YAML; wrap it in a
    `ParameterValue` with a `value_type` where that is not meant.

    Raises:
        TypeError: if a value is not a boolean, number, text, bytes or a list of one of them.
    """
    evaluated: dict[str, Any] = {}
    for key, value in parameters.items():
        name = prefix + text_of(context, key)
        if isinstance(value, Mapping):
            evaluated.update(evaluate_parameter_dict(context, value, f"{name}."))
        else:
            evaluated[name] = _evaluate(context, name, value)
    return evaluated


def _evaluate(context: LaunchContext, name: str, value: Any) -> Any:
    if isinstance(value, ParameterValue):
        return value.evaluate(context)
    if isinstance(value, (bool, int, float, str, bytes)):
        return value
    if isinstance(value, Substitution):
        return _read(context, name, [value])
    if isinstance(value, Sequence):
        return _evaluate_sequence(context, name, value)
    raise TypeError(f"parameter {name}: {value!r} is not a value a parameter can have")


def _evaluate_sequence(context: LaunchContext, name: str, value: Sequence[Any]) -> Any:
    has_substitution = any(isinstance(item, Substitution) for item in value)
    if has_substitution and all(isinstance(item, (str, Substitution)) for item in value):
        return _read(context, name, value)  # pieces of one text
    items = [item if isinstance(item, _SCALARS) else _read(context, name, item) for item in value]
    return _uniform(name, items)


def _read(context: LaunchContext, name: str, subs: Any) -> Any:
    """Return what YAML makes of the text of the substitutions."""
    try:
        return typed_value(context, normalize_to_list_of_substitutions(subs), None)
    except ValueError as error:
        hint = "for text, use ParameterValue(..., value_type=str)"
        raise TypeError(f"parameter {name}: {error}; {hint}") from error


def _uniform(name: str, items: Iterable[Any]) -> list[Any]:
    values = list(items)
    kinds = {type(value) for value in values}
    if kinds == {int, float}:
        return [float(value) for value in values]
    if len(kinds) != 1 or not kinds <= set(_SCALARS):
        raise TypeError(f"parameter {name}: {values!r} has to be a list of one type of value")
    return values

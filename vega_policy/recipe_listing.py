"""Prints a recipe with the meaning of every field, as YAML that is a recipe itself."""

import re
import textwrap
from typing import Literal, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from vega_policy.alignment.config import Choices
from vega_policy.recipe import Recipe

WIDTH = 100
_INDENT = "  "
_ROLE = re.compile(r":\w+:(?=`)")


def listing(recipe: Recipe) -> str:
    """All fields of a recipe, each below a comment that says what it means.

    Args:
        recipe: Resolved: bases, overrides and defaults are in it.

    Returns:
        YAML; saved as ``models/NAME.yaml`` it is the recipe NAME.
    """
    lines = [f"# Recipe {recipe.name}. Any field can be overridden: path.to.field=value"]
    return "\n".join(lines + _group(recipe, "")) + "\n"


def _group(group: BaseModel, indent: str) -> list[str]:
    lines: list[str] = []
    for name, field in _fields(group).items():
        if isinstance(group, Recipe) and name == "name":
            continue  # the file's
        value = getattr(group, name)
        if not indent:
            lines.append("")
        lines += _comment(_meaning(field, value), indent)
        if isinstance(value, BaseModel):
            lines += [f"{indent}{name}:", *_group(value, indent + _INDENT)]
        else:
            lines.append(f"{indent}{name}: {_plain(group, name)}")
            lines += _absent_group(name, field, indent) if value is None else []
    return lines


def _fields(group: BaseModel) -> dict[str, FieldInfo]:
    """Those of its class, then those that others registered."""
    return type(group).model_fields | dict.fromkeys(group.model_extra or {}, FieldInfo())


def _absent_group(name: str, field: FieldInfo, indent: str) -> list[str]:
    """What a group that is null could be, commented out; nothing if the field is no group."""
    for kind in get_args(field.annotation):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            shown = [f"{name}:", *_group(kind(), _INDENT)]
            return [f"{indent}# {line}" for line in shown]
    return []


def _meaning(field: FieldInfo, value: object) -> str:
    """Description of a field, or of the group that it holds, with the values it may have."""
    text = field.description or ""
    if not text and isinstance(value, BaseModel):
        text = _ROLE.sub("", (type(value).__doc__ or "").strip().split("\n")[0])
    choices = _choices(field)
    return f"{text} (one of: {', '.join(choices)})" if choices else text


def _choices(field: FieldInfo) -> list[str]:
    if get_origin(field.annotation) is Literal:
        return [str(choice) for choice in get_args(field.annotation)]
    return [name for some in field.metadata if isinstance(some, Choices) for name in some.names()]


def _comment(text: str, indent: str) -> list[str]:
    prefix = f"{indent}# "
    return textwrap.wrap(text, WIDTH, initial_indent=prefix, subsequent_indent=prefix)


def _plain(group: BaseModel, name: str) -> str:
    value = group.model_dump(mode="json", include={name})[name]
    text = yaml.safe_dump(
        value,
        default_flow_style=True,
        default_style='"' if isinstance(value, str) and "\n" in value else None,
        width=1_000_000,
        allow_unicode=True,
    )
    return text.removesuffix("\n").removesuffix("\n...")

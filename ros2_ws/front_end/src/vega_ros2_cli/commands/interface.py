"""ros2 interface."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator

from ..errors import OperatorError
from ..packages import share_of

_NESTED = re.compile(r"^(?P<type>[A-Za-z]\w*(?:/\w+)*)(?:\[[^\]]*\])?\s+[a-z]\w*\s*(?:#.*)?$")
_PRIMITIVE = re.compile(r"bool|byte|char|w?string.*|u?int\d+|float\d+")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of `ros2 interface`."""
    verbs = parser.add_subparsers(title="verbs", metavar="<verb>")
    show = verbs.add_parser("show", help="print the definition of a type")
    show.add_argument("type", help="for example std_msgs/msg/String")
    show.set_defaults(call=_show)


def _show(options: argparse.Namespace) -> None:
    for line in _definition(options.type):
        print(line)


def _definition(name: str) -> Iterator[str]:
    """Yield the lines of a definition, each nested type indented below its field."""
    parts = name.split("/")
    if len(parts) != 3:
        raise OperatorError(f"'{name}' is not a type, expected <package>/msg/<Type>")
    package, kind, base = parts
    path = os.path.join(share_of(package), kind, f"{base}.{kind}")
    if not os.path.isfile(path):
        raise OperatorError(f"the type '{name}' is not known: there is no file {path}")
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    for line in lines:
        yield line
        nested = _NESTED.match(line.strip())
        if nested is not None and not _PRIMITIVE.fullmatch(nested["type"]):
            for inner in _definition(_full_type(package, nested["type"])):
                if inner.strip() and not inner.strip().startswith("#"):
                    yield f"\t{inner}"


def _full_type(package: str, name: str) -> str:
    parts = name.split("/")
    if len(parts) == 1:
        parts.insert(0, package)
    if len(parts) == 2:
        parts.insert(1, "msg")
    return "/".join(parts)

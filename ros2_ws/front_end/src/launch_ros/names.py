"""ROS names: namespaces, node names and remapping rules."""

from __future__ import annotations

import re
from collections.abc import Iterable

from launch.substitutions import SubstitutionFailure

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def join_namespaces(outer: str | None, inner: str | None) -> str | None:
    """Return the absolute namespace of `inner` within `outer`, or None if neither is given.

    Raises:
        SubstitutionFailure: if it is not a valid namespace.
    """
    if inner is None:
        joined = outer
    elif not outer or inner.startswith("/"):
        joined = inner
    else:
        joined = f"{outer.rstrip('/')}/{inner}"
    if joined is None:
        return None
    absolute = "/" + joined.strip("/")
    if absolute != "/" and not all(_NAME.fullmatch(token) for token in absolute[1:].split("/")):
        raise SubstitutionFailure(f"{absolute!r} is not a valid ROS namespace")
    return absolute


def check_node_name(name: str) -> str:
    """Return the node name.

    Raises:
        SubstitutionFailure: if it is not a valid one.
    """
    if not _NAME.fullmatch(name):
        raise SubstitutionFailure(
            f"{name!r} is not a valid ROS node name: letters, digits and underscores, "
            "not starting with a digit"
        )
    return name


def rule_words(rules: Iterable[tuple[str, str]]) -> list[str]:
    """Return the command line words of remapping rules."""
    return [word for source, target in rules for word in ("-r", f"{source}:={target}")]

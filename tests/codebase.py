"""The installed Python packages of this repository, and what their modules import."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORKSPACE = ROOT / "ros2_ws" / "src"
PLAIN = ("hw_config", "vega_core", "vega_policy", "teleop")


def roots() -> dict[str, Path]:
    """The folder of every package by its name; the ones without ROS first."""
    found = {name: ROOT / name for name in PLAIN}
    for folder in sorted(WORKSPACE.iterdir()):
        if (folder / folder.name / "__init__.py").is_file():
            found[folder.name] = folder / folder.name
    return found


@functools.cache
def modules() -> dict[str, Path]:
    """The file of every module by its full name; tests are none."""
    found = {}
    for name, root in roots().items():
        for file in sorted(root.rglob("*.py")):
            parts = [name, *file.relative_to(root).with_suffix("").parts]
            if "tests" not in parts:
                found[".".join(parts).removesuffix(".__init__")] = file
    return found


@functools.cache
def imports(module: str) -> frozenset[str]:
    """All that a module imports, wherever it stands in it: in functions and for types as well.

    A name that is imported from a package counts as the package's module where there is one.
    """
    file = modules()[module]
    tree = ast.parse(file.read_text("utf-8"))
    return frozenset(_targets(tree, module if file.stem == "__init__" else _parent(module)))


def links(module: str) -> frozenset[str]:
    """The modules of this repository that a module imports."""
    return frozenset(name for name in imports(module) if name in modules() and name != module)


def package(module: str) -> str:
    """The first part of a module's name."""
    return module.partition(".")[0]


def _targets(tree: ast.AST, here: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, here)
            for name in node.names:
                full = f"{base}.{name.name}"
                yield full if full in modules() else base


def _absolute(node: ast.ImportFrom, here: str) -> str:
    if not node.level:
        return node.module or ""
    for _ in range(node.level - 1):
        here = _parent(here)
    return f"{here}.{node.module}" if node.module else here


def _parent(module: str) -> str:
    return module.rpartition(".")[0]

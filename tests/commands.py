"""The commands that texts for people name, and whether the real parsers take them.

A command in a message stands in quotes, in backticks or in brackets, or ends with its clause, so
that a reader, and this module, can tell where it ends.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from codebase import ROOT, WORKSPACE, modules

VALUE = "VALUE"
"""In place of what is filled in when a message is written."""
_WORD = r"(?:python -m [a-z]|ros2 (?:run|launch|service call|topic|node) |pip install |hf download "
_WORD += r"|torchrun -|make [a-z]+)"
_ENDS = {"(": ")", "`": "`", "'": "'", '"': '"'}
_PLACEHOLDER = re.compile(r"(?:[A-Z][A-Z0-9_]*|.*VALUE.*)")


def in_text(text: str) -> list[str]:
    """The commands of a text."""
    found = []
    for match in re.finditer(rf"(?<![\w/.]){_WORD}", text):
        before = text[match.start() - 1] if match.start() else ""
        rest = text[match.start() :].partition("\n")[0]
        enclosed = before in _ENDS and before != ""
        if enclosed or not match[0].startswith("make") or text[: match.start()].endswith("run "):
            found.append(_until(rest, _ENDS[before] if enclosed else ""))
    return [command for command in found if "..." not in command]


def _until(text: str, end: str) -> str:
    """Up to the sign that ends it, or to the next clause; neither counts in other quotes."""
    quoted = ""
    for place, sign in enumerate(text):
        if not quoted and (sign in (end, ";") or text[place : place + 2] in (", ", " (")):
            return text[:place]
        if sign in "'\"" and sign != end:
            quoted = "" if quoted == sign else quoted or sign
    return text if text.endswith("...") else text.rstrip(". ")


def in_messages() -> dict[str, list[str]]:
    """Each command of the sources' messages, and the modules that name it."""
    found: dict[str, list[str]] = {}
    files = {**modules(), **{path.name: path for path in WORKSPACE.glob("*/launch/*.py")}}
    for name, file in files.items():
        tree = ast.parse(file.read_text("utf-8"))
        for text in _literals(tree):
            for command in in_text(text):
                found.setdefault(command, []).append(name)
    return found


def in_usages() -> dict[str, list[str]]:
    """Each line of how a module is used that stands at the head of it, and is its help."""
    found: dict[str, list[str]] = {}
    for name, file in modules().items():
        text = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
        for line in text.replace("\\\n", " ").splitlines():
            if re.match(r"\s*(python -m|ros2 (run|launch)) ", line):
                found.setdefault(line.strip(), []).append(name)
    return found


def in_page(page: Path) -> list[str]:
    """The commands of a page: of its blocks of code, and those in backticks."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"```(?:bash|sh)\n(.*?)```", text, re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
    return [line.strip() for line in (*lines, *inline) if re.match(rf"\s*{_WORD}", line.strip())]


def _literals(tree: ast.AST) -> Iterator[str]:
    """Texts of a module but its docstrings; what is filled in becomes a word."""
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                skipped.add(first.value)
        if isinstance(node, ast.JoinedStr):
            skipped.update(node.values)
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else VALUE for part in node.values
            )
        elif isinstance(node, ast.keyword) and node.arg == "prog":
            skipped.add(node.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in skipped:
            yield re.sub(r"\{\w*\}", VALUE, node.value)


def check(command: str) -> None:
    """Fails a test unless the program that is named takes what it is given."""
    words = shlex.split(command, comments=True)
    words = words[: next((n for n, word in enumerate(words) if word in "|>&&;"), len(words))]
    if words[:2] == ["python", "-m"]:
        _check_module(words[2], words[3:])
    elif words[:2] == ["ros2", "run"]:
        _check_executable(*words[2:4])
    elif words[:2] == ["ros2", "launch"]:
        _check_launch(*words[2:])
    elif words[0] == "pip":
        _check_requirements(words[2:])
    elif words[0] == "torchrun":
        from torch.distributed.run import get_args_parser

        with _lenient(), pytest.raises(_Parsed):
            get_args_parser().parse_args([*words[1:], "script"])
    elif words[0] == "make":
        assert re.search(rf"(?m)^{words[1]}:", (ROOT / "Makefile").read_text()), command
    elif words[0] == "hf":
        assert re.match(r"hf download [\w.-]+/[\w.-]+( [\w.-]+)* --local-dir \S+$", command), (
            command
        )


def parse(module: str, words: list[str]) -> argparse.Namespace:
    """What a module's own command line makes of these words; nothing is run."""
    package = find_spec(module)
    assert package is not None, f"there is no module {module}"
    name = f"{module}.__main__" if package.submodule_search_locations else module
    main = importlib.import_module(name).main
    argv = sys.argv
    sys.argv = [module, *words]
    try:
        with _lenient(), pytest.raises(_Parsed) as parsed:
            main(words) if inspect.signature(main).parameters else main()
    finally:
        sys.argv = argv
    return parsed.value.given


def _check_module(module: str, words: list[str]) -> None:
    if not module.islower():
        return  # one of several
    spec = find_spec(module)
    assert spec is not None, f"there is no module {module}"
    if module.split(".")[0] in {"hw_config", "vega_policy", "teleop", "benches", *_packages()}:
        source = Path(spec.origin or "").parent / "__main__.py"
        file = source if spec.submodule_search_locations else Path(spec.origin or "")
        if "arse_" in file.read_text("utf-8"):
            parse(module, words)


def _packages() -> set[str]:
    return {name.partition(".")[0] for name in modules()}


def _check_executable(package: str, name: str) -> None:
    setup = ast.parse((WORKSPACE / package / "setup.py").read_text())
    texts = {str(node.value) for node in ast.walk(setup) if isinstance(node, ast.Constant)}
    assert any(re.match(rf"{name}\s*=", text) for text in texts), f"{package} has no {name}"


def _check_launch(package: str, file: str, *given: str) -> None:
    folder = WORKSPACE / package / "launch"
    if VALUE not in file:
        assert (folder / file).is_file(), f"{package} has no launch file {file}"
    sources = [*folder.glob("*.py"), *(WORKSPACE / package / package).glob("*.py")]
    known = "\n".join(path.read_text("utf-8") for path in sources)
    for name, separator, _ in (word.partition(":=") for word in given):
        assert not separator or f'"{name}"' in known, f"{file} has no argument {name}"


def _check_requirements(words: list[str]) -> None:
    """Only what pyproject.toml names, and as it does."""
    known = (ROOT / "pyproject.toml").read_text("utf-8")
    for word in words:
        extra = re.fullmatch(r"\.\[(\w+)\]", word)
        if extra:
            assert re.search(rf"(?m)^{extra[1]} = \[", known), word
        elif not word.startswith("-"):
            assert f'"{word}"' in known or word == "pre-commit", word


class _Parsed(Exception):
    def __init__(self, given: argparse.Namespace) -> None:
        super().__init__("parsed")
        self.given = given


@contextmanager
def _lenient() -> Iterator[None]:
    """Words that stand for a value are taken for any; a parser ends when it has parsed."""
    parser = argparse.ArgumentParser
    value, choice, known = parser._get_value, parser._check_value, parser.parse_known_args

    def get(self, action, text):
        return text if _PLACEHOLDER.fullmatch(text) else value(self, action, text)

    def allow(self, action, given):
        if not (isinstance(given, str) and _PLACEHOLDER.fullmatch(given)):
            choice(self, action, given)

    def done(self, args=None, namespace=None):
        given, more = known(self, args, namespace)
        assert all(map(_PLACEHOLDER.fullmatch, more)), f"{self.prog} knows no {' '.join(more)}"
        raise _Parsed(given)

    def mixed(self, args=None, namespace=None):
        done(self, args, namespace)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parser, "_get_value", get)
        patch.setattr(parser, "_check_value", allow)
        patch.setattr(parser, "parse_args", done)
        patch.setattr(parser, "parse_intermixed_args", mixed)
        yield

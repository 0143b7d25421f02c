"""Runs the field's inputs and situations, and prints a table: case, outcome, right value.

    python tests/field.py
    python tests/field.py results imports --json field.json

The cases stand in tests/field_cases: what goes in, the right value, and the tests that assert it.
A case is right when all of its tests ran and passed. Exit code 0 only if every case is right.
"""

from __future__ import annotations

import argparse
import ast
import functools
import json
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "tests" / "field_cases"
FOLDER = ROOT / "runs" / "field"
RIGHT, WRONG, NOT_RUN, NO_TEST = "right", "WRONG", "not run", "no test"
_WIDTHS = (8, 42, 48)


class Case(NamedTuple):
    """An input or a situation.

    Attributes:
        heading: What kind of harm it belongs to.
        of: What it is about.
        given: What goes in, or what happens.
        right: What has to come out.
        tests: Those that assert it: ``file::test``, or ``file::test[part]`` for those sets of its
            parameters that have this part in their name.
    """

    heading: str
    of: str
    given: str
    right: str
    tests: tuple[str, ...]


def cases(names: Sequence[str] = ()) -> list[Case]:
    """The cases of these files, or of all."""
    files = [CASES / f"{name}.yaml" for name in names] or sorted(CASES.glob("*.yaml"))
    found = []
    for file in files:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        for subject, rows in content["cases"].items():
            found += [
                Case(content["heading"], subject, row["given"], row["right"], tuple(row["tests"]))
                for row in rows
            ]
    return found


@functools.cache
def functions(file: str) -> frozenset[str]:
    """Names of the functions of a file; none if it is not there."""
    path = ROOT / file
    tree = ast.parse(path.read_text(encoding="utf-8") if path.is_file() else "")
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def function(test: str) -> str:
    """A test without the part of its parameters."""
    return test.partition("[")[0]


def is_there(test: str) -> bool:
    """Whether its file has it."""
    file, _, name = function(test).partition("::")
    return name in functions(file)


def outcomes(report: Path) -> dict[str, str]:
    """How each test ended, by `file::name[parameters]`, out of pytest's JUnit report."""
    found = {}
    for each in ElementTree.parse(report).iter("testcase"):
        file = str(each.get("classname")).replace(".", "/")
        tags = {child.tag for child in each}
        bad = WRONG if tags & {"failure", "error"} else NOT_RUN if "skipped" in tags else RIGHT
        found[f"{file}.py::{each.get('name')}"] = bad
    return found


def outcome(case: Case, ended: Mapping[str, str]) -> str:
    """The worst of its tests."""
    worst = RIGHT if case.tests else NO_TEST
    for test in case.tests:
        name, _, part = test.partition("[")
        same = [k for k in ended if k.partition("[")[0] == name and part.rstrip("]") in k]
        got = {ended[key] for key in same} or {NOT_RUN if is_there(test) else NO_TEST}
        worst = next(each for each in (WRONG, NO_TEST, NOT_RUN, RIGHT) if each in {worst, *got})
    return worst


def run(chosen: Sequence[Case], workers: int) -> dict[str, str]:
    """Runs the tests of these cases once; returns how each ended."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    report, log = FOLDER / "report.xml", FOLDER / "pytest.log"
    report.unlink(missing_ok=True)
    tests = sorted({function(test) for case in chosen for test in case.tests if is_there(test)})
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(workers), f"--junitxml={report}"]
    print(f"{len(chosen)} cases, {len(tests)} tests; what pytest says goes to {log}", flush=True)
    with log.open("w") as file:
        subprocess.run([*command, *tests], cwd=ROOT, stdout=file, stderr=file, check=False)
    return outcomes(report) if report.exists() else {}


def table(rows: Sequence[tuple[Case, str]]) -> str:
    """The cases with their outcomes, under their headings."""
    lines = [_row("outcome", "case", "right value")]
    heading = ""
    for case, result in rows:
        if case.heading != heading:
            heading = case.heading
            lines += ["", heading]
        lines.append(_row(result, f"{case.of}: {case.given}", case.right))
    return "\n".join(lines)


def _row(*cells: str) -> str:
    parts = [textwrap.wrap(cell, width) for cell, width in zip(cells, _WIDTHS)]
    height = max(map(len, parts))
    padded = [part + [""] * (height - len(part)) for part in parts]
    return "\n".join(
        "  ".join(f"{cell:{width}}" for cell, width in zip(line, _WIDTHS)).rstrip()
        for line in zip(*padded)
    )


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser("field", description=(__doc__ or "").splitlines()[0])
    known = sorted(path.stem for path in CASES.glob("*.yaml"))
    parser.add_argument("only", nargs="*", metavar="FILE", help=f"of {', '.join(known)}")
    parser.add_argument("--workers", type=int, default=4, help="of pytest-xdist")
    parser.add_argument("--json", type=Path, help="writes the table into this file")
    given = parser.parse_args(arguments)
    unknown = set(given.only) - set(known)
    if unknown:
        parser.error(f"no cases called {', '.join(sorted(unknown))}: there are {', '.join(known)}")
    return given


def main(arguments: list[str] | None = None) -> int:
    """Runs what is asked for and tells the outcomes."""
    given = parsed(arguments)
    chosen = cases(given.only)
    ended = run(chosen, given.workers)
    rows = [(case, outcome(case, ended)) for case in chosen]
    print(table(rows))
    counted = Counter(result for _, result in rows)
    print(f"\n{len(rows)} cases: " + ", ".join(f"{n} {name}" for name, n in counted.items()))
    if given.json:
        content: list[dict[str, Any]] = [{**case._asdict(), "outcome": r} for case, r in rows]
        given.json.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return 0 if set(counted) == {RIGHT} else 1


if __name__ == "__main__":
    sys.exit(main())

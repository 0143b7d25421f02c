"""The doctor's findings as a table for people, and as JSON for programs."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence

from vega_core.findings import Finding, Severity, passed

_COLOURS = {
    Severity.OK: "32",
    Severity.WARN: "33",
    Severity.FAIL: "31;1",
    Severity.SKIP: "2",
}
_LEAST_WIDTH, _MOST_WIDTH = 60, 140


def table(areas: Mapping[str, Sequence[Finding]], colour: bool, width: int | None = None) -> str:
    """One line a check, with its remedy below it, and a verdict."""
    wide = width or shutil.get_terminal_size((100, 24)).columns
    wide = min(max(wide, _LEAST_WIDTH), _MOST_WIDTH)
    rows = [row for some in areas.values() for row in some]
    column = max((len(row.check) for row in rows), default=0)
    lines: list[str] = []
    for area, some in areas.items():
        lines += ["", area]
        for row in some:
            lines += _lines(row, column, wide, colour)
    return "\n".join([*lines[1:], "", _verdict(rows)])


def to_json(areas: Mapping[str, Sequence[Finding]], robot: str) -> str:
    """The same as JSON."""
    rows = [
        {
            "area": area,
            "check": row.check,
            "state": row.state.value.lower(),
            "found": row.found,
            "remedy": row.remedy,
        }
        for area, some in areas.items()
        for row in some
    ]
    ready = passed(row for some in areas.values() for row in some)
    return json.dumps({"robot": robot, "passed": ready, "rows": rows}, indent=2) + "\n"


def _lines(row: Finding, column: int, width: int, colour: bool) -> list[str]:
    state = f"{row.state.value:<4}"
    if colour:
        state = f"\x1b[{_COLOURS[row.state]}m{state}\x1b[0m"
    room = max(width - column - 10, 30)
    pad = " " * (column + 10)
    found = _wrapped(row.found, room)
    lines = [f"  {state}  {row.check:<{column}}  {found[0]}", *(pad + text for text in found[1:])]
    remedy = _wrapped(row.remedy, room - 3) if row.remedy else []
    return lines + [f"{pad}{'-> ' if i == 0 else '   '}{text}" for i, text in enumerate(remedy)]


def _wrapped(text: str, room: int) -> list[str]:
    lines = [
        line
        for part in text.splitlines()
        for line in textwrap.wrap(part, room, break_long_words=False, break_on_hyphens=False)
    ]
    return lines or [""]


def _verdict(rows: Sequence[Finding]) -> str:
    counts = Counter(row.state for row in rows)
    warnings = "1 warning" if counts[Severity.WARN] == 1 else f"{counts[Severity.WARN]} warnings"
    said = f"{counts[Severity.FAIL]} failed, {warnings}, {counts[Severity.OK]} ok"
    if passed(rows):
        return f"Ready: {said}."
    return f"Not ready: {said}. Mend what failed before anything moves."

"""Shows by simulation and exact enumeration that intervals and tests hold what they promise.

python -m benches.statistics [--sessions 10000] [--seed 0] [--json FILE] [--check]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benches.statistics.coverage import coverage
from benches.statistics.figure import Figure
from benches.statistics.sequential import sequential_error, sequential_savings


def figures(sessions: int, seed: int) -> list[Figure]:
    """All of them, from so many simulated sessions each."""
    rng = np.random.default_rng(seed)
    parts = (coverage, sequential_error, sequential_savings)
    return [figure for part in parts for figure in part(sessions, rng)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the figures; with --check, 1 where one is missed."""
    parser = argparse.ArgumentParser(prog="python -m benches.statistics")
    parser.add_argument("--sessions", type=int, default=10_000, help="simulated for each figure")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file for the figures, by name")
    parser.add_argument("--check", action="store_true", help="exit 1 where a figure is missed")
    given = parser.parse_args(arguments)
    if given.sessions < 1:
        parser.error(f"--sessions must be at least 1: got {given.sessions}")
    found = figures(given.sessions, given.seed)
    for figure in found:
        print(_line(figure))
    if given.json:
        values = {figure.name: round(float(figure.value), 6) for figure in found}
        given.json.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    return int(given.check and not all(figure.met for figure in found))


def _line(figure: Figure) -> str:
    bounds = [
        f"{word} {bound:g}"
        for word, bound in (("at least", figure.least), ("at most", figure.most))
        if bound is not None
    ]
    told = f"  ({', '.join(bounds)}{'' if figure.met else ': MISSED'})" if bounds else ""
    return f"{figure.name:<66}{figure.value:9.4f}{told}"


if __name__ == "__main__":
    raise SystemExit(main())

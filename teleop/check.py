"""Says what in recorded episodes would poison training, and what to do about it.

    python -m teleop.check DIR --task close_laptop --json findings.json

Every sealed episode is compared with its digest and measured: rates, gaps, skews, clocks, images
that are black, frozen, over-exposed or another camera's, joints that are not finite, in other
units or another order, beyond their limits, jumping or stuck, followers away from their leaders,
copies, and episodes unlike the others. Errors are what must not be trained on; warnings are worth
a look. Failures, unjudged, recovered and bad takes, which exports leave out, only have warnings,
unless they are included. `python -m teleop.report DIR` shows the same with images.

Exit code 0: nothing would poison training; 1: something would; 2: wrong use; 130: interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from teleop.errors import TeleopError
from teleop.export.selection import KINDS
from teleop.export.workers import processors
from teleop.quality import DatasetQuality, Finding, inspect
from teleop.writing import write_result

_WIDTH = 110
_INDENT = " " * 20


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    arguments = parser().parse_args(argv)
    try:
        quality = inspect(
            arguments.dataset,
            arguments.task,
            arguments.include,
            arguments.workers,
            progress=show_progress,
        )
        if arguments.json is not None:
            write_result(arguments.json, json.dumps(as_data(quality), indent=1) + "\n")
    except (TeleopError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print("\n".join(lines(quality)))
    return 1 if quality.errors else 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m teleop.check", description=__doc__)
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    add_selection(made)
    made.add_argument("--json", type=Path, metavar="FILE", help="write findings and figures there")
    return made


def add_selection(made: argparse.ArgumentParser) -> None:
    """Adds what is looked at: the dataset, a task, kinds of episodes."""
    add = made.add_argument
    add("dataset", type=Path, metavar="DIR", help="folder of a recorded dataset")
    add("--task", help="only episodes of this task")
    add(
        "--include",
        nargs="+",
        choices=KINDS,
        default=(),
        metavar="KIND",
        help=f"judge these as an export has them: {', '.join(KINDS)}",
    )
    add(
        "--workers",
        type=_positive,
        default=processors(),
        help="processes (default %(default)s)",
    )


def show_progress(done: int, total: int) -> None:
    """Counts on a terminal; says nothing elsewhere."""
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{done} of {total} episodes", end=end, file=sys.stderr, flush=True)


def lines(quality: DatasetQuality) -> list[str]:
    """The findings for people, and a last line that sums up."""
    rows = []
    for finding in quality.findings:
        head = f"{finding.severity.upper():8s}{_place(finding):12s}"
        text = f"{finding.check}: {finding.text}"
        rows += textwrap.wrap(
            text, _WIDTH, initial_indent=head, subsequent_indent=_INDENT, break_on_hyphens=False
        )
        rows += textwrap.wrap(
            f"-> {finding.remedy}",
            _WIDTH,
            initial_indent=_INDENT,
            subsequent_indent=_INDENT + "   ",
            break_on_hyphens=False,
        )
    bad = {f.episode for f in quality.findings if f.severity == "error"} - {None}
    good = len(quality.used - bad)
    warnings = len(quality.findings) - quality.errors
    rows.append(
        f"{quality.folder}: {len(quality.episodes)} episodes, {len(quality.used)} for training, "
        f"{good} of them without an error; {quality.errors} errors, {warnings} warnings"
    )
    return rows


def as_data(quality: DatasetQuality) -> dict[str, Any]:
    """Findings and figures, JSON-ready."""
    return {
        "dataset": str(quality.folder),
        "ok": not quality.errors,
        "errors": quality.errors,
        "used": sorted(quality.used),
        "findings": [vars(finding) for finding in quality.findings],
        "episodes": [episode.figures() for episode in quality.episodes],
    }


def _place(finding: Finding) -> str:
    return "dataset" if finding.episode is None else f"episode {finding.episode}"


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, got {value}")
    return value


if __name__ == "__main__":
    sys.exit(main())

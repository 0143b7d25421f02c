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

from teleop.command_line import add_selection, check_writable, show_progress
from teleop.errors import TeleopError
from teleop.quality import DatasetQuality, Finding, inspect
from teleop.writing import write_result
from vega_core import command_line

_WIDTH = 110
_INDENT = " " * 20


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = command_line.parser("teleop.check", __doc__)
    add_selection(parser)
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write findings and figures there"
    )
    arguments = parser.parse_args(argv)
    return command_line.run(lambda: _check(arguments), TeleopError, OSError)


def _check(arguments: argparse.Namespace) -> int:
    if arguments.json is not None:
        check_writable(arguments.json)
    quality = inspect(
        arguments.dataset,
        arguments.task,
        arguments.include,
        arguments.workers,
        progress=show_progress,
    )
    if arguments.json is not None:
        write_result(arguments.json, json.dumps(as_data(quality), indent=1) + "\n")
    print("\n".join(lines(quality)))
    return command_line.MISSED if quality.errors else command_line.OK


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


if __name__ == "__main__":
    sys.exit(main())

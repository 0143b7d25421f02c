"""Writes one HTML page about a recorded dataset: what `teleop.check` finds, with images.

    python -m teleop.report DIR                  # DIR/report.html
    python -m teleop.report DIR --task close_laptop --out page.html

The page has everything in it: film strips, joints and their leaders, figures of every episode over
the session, coverage of the task's grid, findings with remedies. It needs no network and prints.

Exit code 0: written, whatever was found; 2: wrong use; 130: interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from teleop.command_line import add_selection, check_writable, show_progress
from teleop.dataset.layout import read_layout
from teleop.errors import TeleopError
from teleop.quality import inspect
from teleop.report.film import film
from teleop.report.page import page
from teleop.writing import write_result
from vega_core import command_line


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = command_line.parser("teleop.report", __doc__)
    add_selection(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="default DIR/report.html")
    arguments = parser.parse_args(argv)
    return command_line.run(lambda: _report(arguments), TeleopError, OSError)


def _report(arguments: argparse.Namespace) -> int:
    read_layout(arguments.dataset)
    out = arguments.out or arguments.dataset / "report.html"
    check_writable(out)
    quality = inspect(
        arguments.dataset,
        arguments.task,
        arguments.include,
        arguments.workers,
        more=film,
        progress=show_progress,
    )
    write_result(out, page(quality, quality.more))
    warnings = len(quality.findings) - quality.errors
    print(f"{out}: {len(quality.episodes)} episodes, {quality.errors} errors, {warnings} warnings")
    return command_line.OK


if __name__ == "__main__":
    sys.exit(main())

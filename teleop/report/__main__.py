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

from teleop.check import add_selection, show_progress
from teleop.errors import DatasetError, TeleopError
from teleop.quality import inspect
from teleop.report.film import film
from teleop.report.page import page
from teleop.writing import write_result


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m teleop.report", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_selection(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="default DIR/report.html")
    arguments = parser.parse_args(argv)
    out = arguments.out or arguments.dataset / "report.html"
    try:
        if not out.parent.is_dir():
            raise DatasetError(f"{out.parent} is no folder: give --out in one that exists")
        quality = inspect(
            arguments.dataset,
            arguments.task,
            arguments.include,
            arguments.workers,
            more=film,
            progress=show_progress,
        )
        write_result(out, page(quality, quality.more))
    except (TeleopError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    warnings = len(quality.findings) - quality.errors
    print(f"{out}: {len(quality.episodes)} episodes, {quality.errors} errors, {warnings} warnings")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Recovers what a crash, a full disk or a failing disk left of a dataset.

    python -m teleop.repair DIR          # after a crash; `--json` for programs

Every sealed episode is compared with its digest. A take that was not sealed becomes an episode made
of its longest valid prefix, marked as recovered and unjudged (unless all of it was there); what
cannot be saved goes to quarantine/ with a why.txt. Discarded takes never come back. A second run
finds nothing to do. Exit code 0: the dataset is whole; 1: something is in quarantine or could not
be repaired; 2: wrong use, or somebody records into it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from teleop.errors import TeleopError
from teleop.repair.repair import repair
from vega_core import command_line


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = command_line.parser("teleop.repair", __doc__)
    parser.add_argument("dataset", type=Path, metavar="DIR", help="folder of the dataset")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    arguments = parser.parse_args(argv)
    return command_line.run(lambda: _repair(arguments.dataset, arguments.json), TeleopError)


def _repair(dataset: Path, as_json: bool) -> int:
    report = repair(dataset)
    if as_json:
        print(json.dumps({**asdict(report), "whole": report.whole}, indent=1))
    else:
        print("\n".join(report.lines()))
    return command_line.OK if report.whole else command_line.MISSED


if __name__ == "__main__":
    sys.exit(main())

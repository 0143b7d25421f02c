"""Exports recorded episodes as training data.

    python -m teleop.export DIR --format lerobot --fps 25 --out OUT
    python -m teleop.export DIR --format hdf5 --fps 30 --action leader --task close_laptop --out OUT

Every step takes the image and the joint states captured nearest to it; nothing is interpolated.
Action follower: where the follower was one step later. Action leader: where the leader was at the
same time (lerobot) or one step later (hdf5, as Cobot Magic's recorder has it). Left out unless
asked for: failures, unjudged and repaired episodes, and those with problems. What `teleop.check`
calls an error is refused, or left out with --skip-damaged. The choice, the sources and their
digests are written into provenance.json. OUT appears when it is complete.

Exit code 1: something is damaged or mixed, 2: wrong use, 130: interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from shlex import quote

import hw_config
from teleop.command_line import (
    add_include,
    add_workers,
    check_outside,
    log,
    run_export,
    share,
)
from teleop.export.checks import check_name, refuse, refused_together
from teleop.export.formats import FORMATS, ExportPlan
from teleop.export.recording import Choice, prepare
from teleop.export.run import ExportJob, ExportSummary, run
from teleop.export.selection import select
from vega_core import command_line
from vega_core.command_line import positive


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    try:
        parser = _parser()
    except hw_config.ConfigError as error:
        log(f"error: {error}")
        return command_line.REFUSED
    arguments = parser.parse_args(argv)
    return run_export(partial(_export, arguments), arguments.out)


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser("teleop.export", __doc__)
    add = parser.add_argument
    add("datasets", type=Path, nargs="+", metavar="DIR", help="recorded datasets")
    add("--format", required=True, choices=FORMATS.names())
    add("--out", type=Path, required=True, help="folder to make")
    rate = round(hw_config.load().rates.control_hz)
    add(
        "--fps",
        type=positive,
        default=rate,
        help="steps a second (default %(default)s)",
    )
    add(
        "--action",
        choices=("follower", "leader"),
        default="follower",
        help="what the action is (default %(default)s)",
    )
    add("--task", help="only episodes of this task")
    add_include(parser, "have these too")
    add("--skip-damaged", action="store_true", help="leave damaged episodes out, and say which")
    add(
        "--accept",
        nargs="+",
        type=check_name,
        default=(),
        metavar="CHECK",
        help="export despite these errors of teleop.check, such as limits",
    )
    add(
        "--max-missing",
        type=share,
        default=0.01,
        metavar="SHARE",
        help="of the steps without a sample within half a period (default %(default)s)",
    )
    add("--compress", action="store_true", help="hdf5: images as JPEG")
    add_workers(parser)
    return parser


def _export(arguments: argparse.Namespace) -> ExportSummary:
    accepted = frozenset(arguments.accept)
    choice = Choice(
        fps=arguments.fps,
        action=arguments.action,
        leader_ahead=FORMATS.get(arguments.format).leader_ahead,
        max_missing=arguments.max_missing,
    )
    selection = select(arguments.datasets, arguments.task, arguments.include)
    check_outside(arguments.out, arguments.datasets)
    for kinds, number in sorted(selection.left_out.items()):
        log(f"left out: {number} {' and '.join(kinds)} (--include {' '.join(kinds)})")
    refused = partial(refuse, accepted=accepted)
    jobs = [
        ExportJob(str(path), partial(prepare, path, choice, refused)) for path in selection.folders
    ]
    plan = ExportPlan(
        out=arguments.out,
        format=arguments.format,
        action=choice.action,
        ahead=choice.ahead,
        workers=arguments.workers,
        compress=arguments.compress,
        skip_damaged=arguments.skip_damaged,
        remedy=_remedy(arguments.datasets),
        other_formats=True,
        origin={
            "origin": "teleop",
            "datasets": [str(path.absolute()) for path in arguments.datasets],
            "included": sorted(arguments.include),
            "accepted": sorted(accepted),
        },
    )
    compare = partial(refused_together, accepted=accepted)
    return run(jobs, plan, log, selection.damaged, compare)


def _remedy(datasets: Sequence[Path]) -> str:
    named = dict.fromkeys(quote(str(path)) for path in datasets)
    checks = " and ".join(f"`python -m teleop.check {path}`" for path in named)
    return (
        f"Leave them out with --skip-damaged; {checks} says more of each. What the check calls an "
        "error, and you have looked at, is exported with --accept and the word before it, such as "
        "--accept limits"
    )


if __name__ == "__main__":
    sys.exit(main())

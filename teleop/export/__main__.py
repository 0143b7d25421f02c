"""Exports recorded episodes as training data.

    python -m teleop.export DIR --format lerobot --fps 25 --out OUT
    python -m teleop.export DIR --format hdf5 --fps 30 --action leader --task close_laptop --out OUT

Every step takes the image and the joint states captured nearest to it; nothing is interpolated.
Action follower: where the follower was one step later. Action leader: where the leader was at the
same time (lerobot) or one step later (hdf5, as Cobot Magic's recorder has it). Left out unless
asked for: failures, unjudged and repaired episodes, and those with problems. The choice, the
sources and their digests are written into provenance.json. OUT appears when it is complete.

Exit code 1: something is damaged or mixed, 2: wrong use, 130: interrupted.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import FrameType

import hw_config
from teleop.errors import TeleopError
from teleop.export.demonstration import Refused
from teleop.export.formats import FORMATS, ExportPlan
from teleop.export.recording import Choice, prepare
from teleop.export.run import ExportJob, ExportSummary, run
from teleop.export.selection import KINDS, select
from teleop.export.workers import processors


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    try:
        parser = _parser()
    except hw_config.ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    arguments = parser.parse_args(argv)
    return guarded(partial(_export, arguments), arguments.out)


def guarded(work: Callable[[], ExportSummary], out: Path) -> int:
    """Runs an export and says how it went; SIGTERM ends it as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        summary = work()
    except Refused as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except TeleopError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"interrupted: {out} was not made", file=sys.stderr)
        return 130
    for text in summary.skipped:
        print(f"left out: {text}", file=sys.stderr)
    print(
        f"{out}: {summary.episodes} episodes, {summary.steps} steps, "
        f"{summary.bytes / 1e6:.1f} MB in {summary.took_s:.1f} s, {summary.speed:.1f}x real time"
    )
    return 0


def report(text: str) -> None:
    """Shows a line of progress."""
    print(text, file=sys.stderr, flush=True)


def positive(text: str) -> int:
    """A number from 1 on, for argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, got {value}")
    return value


def share(text: str) -> float:
    """A number from 0 to 1, for argparse."""
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"expected a share from 0 to 1, got {text}")
    return value


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m teleop.export", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("datasets", type=Path, nargs="+", metavar="DIR", help="recorded datasets")
    add("--format", required=True, choices=FORMATS.names())
    add("--out", type=Path, required=True, help="folder to make")
    rate = round(hw_config.load().rates.control_hz)
    add("--fps", type=positive, default=rate, help="steps a second (default %(default)s)")
    add(
        "--action",
        choices=("follower", "leader"),
        default="follower",
        help="what the action is (default %(default)s)",
    )
    add("--task", help="only episodes of this task")
    add(
        "--include",
        nargs="+",
        choices=KINDS,
        default=(),
        metavar="KIND",
        help=f"have these too: {', '.join(KINDS)}",
    )
    add("--skip-damaged", action="store_true", help="leave damaged episodes out, and say which")
    add(
        "--max-missing",
        type=share,
        default=0.01,
        metavar="SHARE",
        help="of the steps without a sample within half a period (default %(default)s)",
    )
    add("--compress", action="store_true", help="hdf5: images as JPEG")
    add("--workers", type=positive, default=processors(), help="processes (default %(default)s)")
    return parser


def _export(arguments: argparse.Namespace) -> ExportSummary:
    choice = Choice(
        fps=arguments.fps,
        action=arguments.action,
        leader_ahead=FORMATS.get(arguments.format).leader_ahead,
        max_missing=arguments.max_missing,
    )
    selection = select(arguments.datasets, arguments.task, arguments.include)
    for kind, number in sorted(selection.left_out.items()):
        report(f"left out: {number} {kind} (--include {kind})")
    jobs = [ExportJob(str(path), partial(prepare, path, choice)) for path in selection.folders]
    plan = ExportPlan(
        out=arguments.out,
        format=arguments.format,
        action=choice.action,
        ahead=choice.ahead,
        workers=arguments.workers,
        compress=arguments.compress,
        skip_damaged=arguments.skip_damaged,
        origin={
            "origin": "teleop",
            "datasets": [str(path.absolute()) for path in arguments.datasets],
            "included": sorted(arguments.include),
        },
    )
    return run(jobs, plan, report, selection.damaged)


if __name__ == "__main__":
    sys.exit(main())

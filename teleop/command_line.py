"""What teleop's command lines share: arguments, progress, and how an export ends."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType

from teleop.errors import TeleopError
from teleop.export.demonstration import Refused
from teleop.export.run import ExportSummary
from teleop.export.selection import KINDS
from teleop.export.workers import processors
from vega_core import command_line


def add_include(parser: argparse.ArgumentParser, what: str) -> None:
    """Adds `--include KIND ...`: episodes that are left out otherwise; `what` is done with them."""
    parser.add_argument(
        "--include",
        nargs="+",
        choices=KINDS,
        default=(),
        metavar="KIND",
        help=f"{what}: {', '.join(KINDS)}",
    )


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Adds `--workers N`, all processors by default."""
    parser.add_argument(
        "--workers",
        type=command_line.positive,
        default=processors(),
        help="processes (default %(default)s)",
    )


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Adds what is inspected: the dataset, a task, kinds of episodes."""
    parser.add_argument("dataset", type=Path, metavar="DIR", help="folder of a recorded dataset")
    parser.add_argument("--task", help="only episodes of this task")
    add_include(parser, "judge these as an export has them")
    add_workers(parser)


def share(text: str) -> float:
    """A number from 0 to 1; as the type of an argument."""
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"expected a share from 0 to 1, got {text}")
    return value


def check_writable(file: Path) -> None:
    """Raises TeleopError for a result that could not be written, before the work."""
    try:
        command_line.writable()(str(file))
    except argparse.ArgumentTypeError as error:
        raise TeleopError(str(error)) from None


def check_outside(out: Path, sources: Iterable[Path]) -> None:
    """Raises TeleopError for an output within what is read."""
    for source in sources:
        if source.resolve() in (out.resolve(), *out.resolve().parents):
            raise TeleopError(f"{out} lies within {source}, which is read: choose another output")


def show_progress(done: int, total: int) -> None:
    """Counts episodes on a terminal; says nothing elsewhere."""
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{done} of {total} episodes", end=end, file=sys.stderr, flush=True)


def log(text: str) -> None:
    """Shows a line of progress."""
    print(text, file=sys.stderr, flush=True)


def run_export(work: Callable[[], ExportSummary], out: Path) -> int:
    """Runs an export and says how it went; SIGTERM ends it as Ctrl-C does.

    Returns:
        The exit code; 1 where the data are refused, 2 for wrong use.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    return command_line.run(lambda: _export(work, out), TeleopError, OSError)


def _export(work: Callable[[], ExportSummary], out: Path) -> int:
    try:
        summary = work()
    except Refused as error:
        log(f"error: {error}")
        return command_line.MISSED
    except KeyboardInterrupt:
        log(f"interrupted: {out} was not made")
        return command_line.INTERRUPTED
    for text in summary.skipped:
        log(f"left out: {text}")
    print(
        f"{out}: {summary.episodes} episodes, {summary.steps} steps, "
        f"{summary.bytes / 1e6:.1f} MB in {summary.took_s:.1f} s, {summary.speed:.1f}x real time"
    )
    return command_line.OK


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt

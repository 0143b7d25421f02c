"""Checks everything before anything moves.

    ros2 run vega_bringup doctor                      # the robot
    ros2 run vega_bringup doctor --robot emulated     # the drivers over emulated hardware
    ros2 run vega_bringup doctor --robot sim          # what the twin needs

Exit code: 0 nothing failed, 1 something did, 2 wrong use or the findings could not be written,
130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

ROBOTS = ("real", "emulated", "sim")
_INTERRUPTED = 130
_TO_STDOUT = "-"


def main() -> int:
    """Entry point: the command, which Ctrl-C ends at any time without a traceback."""
    signal.signal(signal.SIGINT, _leave)
    return run(sys.argv[1:])


def run(arguments: Sequence[str]) -> int:
    """The command itself; returns its exit code."""
    given = _parser().parse_args(arguments)
    # Here, not above: this takes a while, and neither --help nor a Ctrl-C should wait for it.
    from vega_bringup.doctor import examination
    from vega_bringup.doctor.table import table, to_json
    from vega_core.findings import passed

    if sys.stderr.isatty():
        print(f"looking, for up to {examination.LONGEST_S:.0f} s ...", file=sys.stderr, flush=True)
    checkpoint = Path(given.checkpoint) if given.checkpoint else examination.TWIN_POLICY
    areas = examination.examine(given.robot, Path(given.recordings), checkpoint)
    text = table(areas, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    if given.json == _TO_STDOUT:
        text = to_json(areas, given.robot).rstrip()
    try:
        if given.json not in (None, _TO_STDOUT):
            Path(given.json).write_text(to_json(areas, given.robot), encoding="utf-8")
        _print(text)
    except OSError as error:
        where = error.filename or "standard output"
        print(f"error: {where}: cannot be written ({error.strerror})", file=sys.stderr)
        return 2
    return 0 if passed(row for rows in areas.values() for row in rows) else 1


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError as error:
        # Otherwise the interpreter tries once more at its end, and complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # its reader has seen enough
            raise


def _leave(number: int, frame: FrameType | None) -> None:
    # At once: checks that hang in a vendor's library do not listen.
    os._exit(_INTERRUPTED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ros2 run vega_bringup doctor",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--robot", choices=ROBOTS, default="real", help="what to look at (real)")
    parser.add_argument(
        "--json",
        metavar="FILE",
        nargs="?",
        const=_TO_STDOUT,
        help="the findings for programs: into a file beside the table, or without one in its place",
    )
    parser.add_argument("--checkpoint", metavar="DIR", help="policy that shall run (the twin's)")
    parser.add_argument(
        "--recordings", metavar="DIR", default="runs", help="where recordings go (runs)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""Command lines: exit codes, errors in one line, results as JSON.

def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser("vega_eval.report", __doc__).parse_args(argv)
    return run(lambda: _run(arguments), EvalError)
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vega_core.files import write_atomically

OK = 0
MISSED = 1
"""The command did what it does, and what it looked for is not there, or not as it should be."""
REFUSED = 2
"""Wrong use, or something that the command needs is missing; argparse's code too."""
INTERRUPTED = 130


def run(command: Callable[[], int], *expected: type[Exception]) -> int:
    """A command's exit code; expected errors become a line for people, Ctrl-C an exit code.

    Args:
        command: Does the work and returns its exit code.
        expected: Errors that are meant for people; others keep their traceback.
    """
    try:
        return command()
    except expected as error:
        print(f"error: {error}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED


def parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """A parser of `python -m MODULE` whose description keeps its lines."""
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def whole(least: int) -> Callable[[str], int]:
    """The type of an argument: a whole number, `least` (not negative) or more."""

    def convert(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"expected a whole number, {least} or more: {text!r}")
        return int(text)

    return convert


positive = whole(1)
"""The type of an argument: a whole number from 1 on."""


def writable(suffix: str = "") -> Callable[[str], Path]:
    """The type of an argument: a file in a folder that can be written to.

    Args:
        suffix: How its name has to end.
    """

    def convert(text: str) -> Path:
        path = Path(text)
        if not path.name.endswith(suffix) or (path.exists() and not path.is_file()):
            ends = f" that ends in {suffix}" if suffix else ""
            raise argparse.ArgumentTypeError(f"expected a file name{ends}: {text!r}")
        if not path.parent.is_dir():
            raise argparse.ArgumentTypeError(f"there is no folder {path.parent}; make it first")
        if not os.access(path.parent, os.W_OK):
            raise argparse.ArgumentTypeError(f"the folder {path.parent} cannot be written to")
        return path

    return convert


def add_json(to: argparse.ArgumentParser) -> None:
    """Adds `--json FILE`."""
    to.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")


def write_json(path: Path | None, results: Any, indent: int = 2) -> None:
    """Writes results, where somebody asked for them; a crash leaves the old file or the new.

    Raises:
        OSError: They cannot be written.
    """
    if path is not None:
        text = json.dumps(results, indent=indent, ensure_ascii=False)
        write_atomically(path, text + "\n")

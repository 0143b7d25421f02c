"""Command lines: exit codes, errors in one line, results as JSON.

def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser("vega_eval.report", __doc__).parse_args(argv)
    return run(lambda: _run(arguments), EvalError)
"""

from __future__ import annotations

import argparse
import json
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


def positive(text: str) -> int:
    """A whole number from 1 on; as the type of an argument."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, got {value}")
    return value


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

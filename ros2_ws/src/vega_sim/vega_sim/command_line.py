"""What the command lines of the twin share: checked arguments, and errors in words."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import hw_config
from vega_sim.render import RenderError

EXIT_WRONG = 2
EXIT_INTERRUPTED = 130


def whole(least: int) -> Callable[[str], int]:
    """An argparse type: a whole number, `least` (not negative) or more."""

    def convert(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"expected a whole number, {least} or more: {text!r}")
        return int(text)

    return convert


def writable(suffix: str) -> Callable[[str], Path]:
    """An argparse type: a file with this suffix in a folder that can be written to."""

    def convert(text: str) -> Path:
        path = Path(text)
        if path.suffix != suffix or path.is_dir():
            raise argparse.ArgumentTypeError(
                f"expected a file name that ends in {suffix}: {text!r}"
            )
        if not path.parent.is_dir():
            raise argparse.ArgumentTypeError(f"there is no folder {path.parent}; make it first")
        if not os.access(path.parent, os.W_OK):
            raise argparse.ArgumentTypeError(f"the folder {path.parent} cannot be written to")
        return path

    return convert


def ignore_interrupt() -> None:
    """For worker processes: Ctrl-C reaches them all, and the first process ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run(command: Callable[[], int], interrupted: str, *errors: type[Exception]) -> int:
    """Runs a command; what a person can mend is told in a sentence.

    Args:
        command: returns the exit code.
        interrupted: what Ctrl-C leaves behind, for people.
        errors: kinds whose text is for people, besides those of the twin.

    Returns:
        Its exit code, 2 when it could not do its work, 130 after Ctrl-C.
    """
    told: tuple[type[Exception], ...] = (hw_config.ConfigError, RenderError, OSError, *errors)
    try:
        return command()
    except told as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_WRONG
    except KeyboardInterrupt:
        print(f"\nstopped: {interrupted}", file=sys.stderr)
        return EXIT_INTERRUPTED

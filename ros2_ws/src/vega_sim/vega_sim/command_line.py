"""What the command lines of the twin share: errors in words, and quiet worker processes."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import hw_config
from vega_core import command_line
from vega_sim.render import RenderError


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
    code = command_line.run(command, hw_config.ConfigError, RenderError, OSError, *errors)
    if code == command_line.INTERRUPTED:
        print(f"\nstopped: {interrupted}", file=sys.stderr)
    return code

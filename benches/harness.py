"""What benches share: their command line, targets as a table, processor time, and one error."""

from __future__ import annotations

import argparse
import operator
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from vega_core import command_line

_TICKS_S = 1.0 / os.sysconf("SC_CLK_TCK")
_RELATIONS: dict[str, Callable[[float, float], bool]] = {
    "below": operator.lt,
    "at most": operator.le,
    "at least": operator.ge,
    "exactly": operator.eq,
}


class BenchError(RuntimeError):
    """Something did not do what the measurement needs; the text says what."""


class Wanted(NamedTuple):
    """A target of a figure.

    Attributes:
        figure: Its name.
        relation: How it must stand to the bound.
        bound: In the figure's unit.
        unit: For people.
    """

    figure: str
    relation: Literal["below", "at most", "at least", "exactly"]
    bound: float
    unit: str = ""

    def met(self, value: float) -> bool:
        """Whether a value is as it should be; NaN never is."""
        return _RELATIONS[self.relation](value, self.bound)


def judge(figures: Mapping[str, Any], wanted: Sequence[Wanted]) -> list[str]:
    """Prints figures beside their targets; returns the names of those that miss theirs."""
    width = max(len(each.figure) for each in wanted)
    missed = []
    for each in wanted:
        value = figures[each.figure]
        verdict = "ok" if each.met(value) else "MISSED"
        if not each.met(value):
            missed.append(each.figure)
        target = f"({each.relation} {each.bound:g})"
        print(f"{each.figure:{width}} {value:10.2f} {each.unit:12} {target:16} {verdict}")
    return missed


def parser(bench: str, description: str | None, check: str) -> argparse.ArgumentParser:
    """The parser of `python -m benches.BENCH`, with `--json FILE` and `--check`.

    Args:
        bench: Name of the module.
        description: What it measures, and how.
        check: What `--check` does, for people.
    """
    made = command_line.parser(f"benches.{bench}", description)
    add = made.add_argument
    add("--json", type=command_line.writable(), help="write the figures here")
    add("--check", action="store_true", help=check)
    return made


def run(
    arguments: argparse.Namespace,
    measure: Callable[[], dict[str, Any]],
    show: Callable[[dict[str, Any]], Sequence[str]],
    *expected: type[Exception],
) -> int:
    """Measures, writes and shows the figures.

    Args:
        arguments: Of a parser of this module.
        measure: Makes the figures, JSON-ready.
        show: Prints them; returns what is missed, for people.
        expected: Errors that are meant for people, besides `BenchError`, `ValueError` and
            `OSError`.

    Returns:
        0; with `--check` 1 where a figure is missed; 2 where nothing could be measured.
    """

    def command() -> int:
        figures = measure()
        command_line.write_json(arguments.json, figures)
        missed = show(figures)
        for text in missed:
            print(f"FAILED: {text}")
        return command_line.MISSED if missed and arguments.check else command_line.OK

    return command_line.run(command, BenchError, ValueError, OSError, *expected)


def end_process(process: subprocess.Popen[Any], timeout_s: float) -> None:
    """Ends a process as Ctrl-C would, or by force where that takes longer than this."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def process_cpu_s(pid: int) -> float:
    """Processor time that a process has used so far, user and system (s).

    Raises:
        OSError: There is no such process.
    """
    # A name in parentheses may hold anything, spaces and parentheses too.
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICKS_S


def machine_cpu_s(with_steal: bool = False) -> float:
    """Processor time that everything on this machine has used so far (s).

    Args:
        with_steal: Whether what other virtual machines took counts, too.
    """
    line = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0]
    user, nice, system, _, _, irq, softirq, steal = map(int, line.split()[1:9])
    return (user + nice + system + irq + softirq + with_steal * steal) * _TICKS_S

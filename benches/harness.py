"""What benches share: the error of a measurement, and the processor time of a process."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS_S = 1.0 / os.sysconf("SC_CLK_TCK")


class BenchError(RuntimeError):
    """Something did not do what the measurement needs; the text says what."""


def process_cpu_s(pid: int) -> float:
    """Processor time that a process has used so far, user and system (s).

    Raises:
        OSError: There is no such process.
    """
    # A name in parentheses may hold anything, spaces and parentheses too.
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICKS_S

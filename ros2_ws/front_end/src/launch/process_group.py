"""Process groups: their living members, and bringing them down.

Run as a script, it is the guardian of a launch: it reads process groups from its standard input
("+<group>" when one starts, "-<group>" when it is gone), and when the input ends because the
launcher is dead it stops those that are left. It imports nothing of the launch package, so that it
starts fast and in any state of the environment.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable

_POLL_S = 0.02
_GUARDIAN_PATIENCE = ((signal.SIGINT, 3.0), (signal.SIGTERM, 1.0), (signal.SIGKILL, 1.0))


def living_members(groups: Iterable[int]) -> set[int]:
    """Return the process ids in these groups, without the dead ones nobody has reaped yet."""
    wanted = set(groups)
    members = set()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as file:
                # The command name before the last bracket may hold spaces and brackets.
                state, _, group, *_ = file.read().rpartition(b")")[2].split()
        except OSError:
            continue  # it went away meanwhile
        if int(group) in wanted and state not in (b"Z", b"X"):
            members.add(int(entry))
    return members


def signal_group(group: int, number: int) -> bool:
    """Send a signal to all processes of a group; return whether there was one."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _stop(groups: set[int]) -> None:
    for number, patience_s in _GUARDIAN_PATIENCE:
        for group in groups:
            signal_group(group, number)
        deadline = time.monotonic() + patience_s
        while living_members(groups):
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_S)
        else:
            return


def _guard() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    if groups:
        _stop(groups)


if __name__ == "__main__":
    _guard()

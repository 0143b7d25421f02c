"""Commands to the arms of the twin, handed from the thread that receives to the one that steps."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ARMS = ("left", "right")


@dataclass(frozen=True)
class Command:
    """One arm command: names, then positions (rad, gripper m); times are ROS time in ns."""

    names: Sequence[str]
    positions: Sequence[float]
    stamp_ns: int
    deadline_ns: int


class CommandInbox:
    """Keeps the newest command of each arm, checked as a driver checks it.

    Args:
        joint_names: the seven joints of each arm, in order.
    """

    def __init__(self, joint_names: Mapping[str, Sequence[str]]) -> None:
        self._names = {arm: tuple(names) for arm, names in joint_names.items()}
        self._waiting: dict[str, tuple[NDArray[np.float64], int]] = {}
        self._changed = threading.Condition()
        self._newest_ns: int | None = None
        self.refused: Counter[str] = Counter()
        """Commands that were not executed, by reason."""

    def offer(self, arm: str, command: Command) -> str | None:
        """Takes a command, or returns in one line why not."""
        if tuple(command.names) != self._names[arm]:
            return self._refuse(
                "names",
                f"{arm} arm: expected the joints {', '.join(self._names[arm])}, "
                f"got {', '.join(command.names) or 'none'}",
            )
        positions = np.array(command.positions, dtype=float)
        if positions.shape != (len(command.names),) or not np.isfinite(positions).all():
            return self._refuse(
                "non_finite", f"{arm} arm: a command is {len(command.names)} finite numbers"
            )
        with self._changed:
            self._waiting[arm] = (positions, command.deadline_ns)
            self._newest_ns = max(command.stamp_ns, self._newest_ns or command.stamp_ns)
            self._changed.notify_all()
        return None

    def take(self, now_ns: int) -> dict[str, NDArray[np.float64]]:
        """The positions to execute now, by arm; each command once, none past its deadline."""
        with self._changed:
            waiting, self._waiting = self._waiting, {}
        taken = {}
        for arm, (positions, deadline_ns) in waiting.items():
            if deadline_ns < now_ns:
                self.refused["late"] += 1
            else:
                taken[arm] = positions
        return taken

    @property
    def newest_ns(self) -> int | None:
        """Stamp of the newest command, None before the first one."""
        return self._newest_ns

    def wait(self, newer_than_ns: int, timeout_s: float) -> bool:
        """Waits for a command with a stamp of at least `newer_than_ns`; False if none came."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._newest_ns is not None and self._newest_ns >= newer_than_ns,
                timeout_s,
            )

    def forget(self) -> None:
        """Drops what has not been executed."""
        with self._changed:
            self._waiting.clear()

    def _refuse(self, reason: str, text: str) -> str:
        self.refused[reason] += 1
        return text

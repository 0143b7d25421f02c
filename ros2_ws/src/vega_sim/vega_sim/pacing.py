"""Keeps simulated time behind real time, and beside the sender of commands."""

from __future__ import annotations

import time
from collections.abc import Callable

from vega_core.stamps import NS
from vega_sim.commands import CommandInbox

# A node takes the newest clock message and skips those before it: how far the simulation may run
# ahead of the newest command is how late a command can be.
_LEAD_NS = 10_000_000
_PATIENCE_S = 0.5  # wall time that a sender may be silent before the simulation runs without it
_CATCH_UP_S = 0.05  # a tick that took long is made up for, but no more than this
_SLICE_S = 0.05  # longest wait in one call, so that the caller can stop
_JUDGED_AFTER_S = 2.0
_SLOW = 0.9


class Pacer:
    """Says when the next tick may run.

    Never faster than `max_real_time_factor` times real time. While somebody sends commands, never
    more than 10 ms ahead of the newest one: a slow machine slows the simulation, not the
    controller. A sender that is silent for 0.5 s of wall time is not waited for any more until it
    sends again.
    """

    def __init__(
        self,
        inbox: CommandInbox,
        max_real_time_factor: float = 1.0,
        warn: Callable[[str], None] = lambda text: None,
        wall: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._inbox = inbox
        self._factor = max_real_time_factor
        self._warn = warn
        self._wall = wall
        self._sleep = sleep
        self._warned = False
        self._abandoned_ns: int | None = None
        self._waiting_since: float | None = None
        self.restart(0)

    def restart(self, stamp_ns: int) -> None:
        """Starts over from this simulated time, without making up for the past."""
        self._start = self._judged_from = self._wall()
        self._start_ns = self._judged_from_ns = stamp_ns

    def wait(self, stamp_ns: int) -> bool:
        """Waits for the time of the tick `stamp_ns`, 50 ms at most; False if it is not yet due."""
        return self._wait_for_command(stamp_ns) and self._wait_for_real_time(stamp_ns)

    def _wait_for_real_time(self, stamp_ns: int) -> bool:
        ahead_s = (stamp_ns - self._start_ns) / NS / self._factor - (self._wall() - self._start)
        if ahead_s < -_CATCH_UP_S:
            self._start += -_CATCH_UP_S - ahead_s
        self._judge(stamp_ns)
        if ahead_s <= 0:
            return True
        self._sleep(min(ahead_s, _SLICE_S))
        return ahead_s <= _SLICE_S

    def _wait_for_command(self, stamp_ns: int) -> bool:
        newest = self._inbox.newest_ns
        needed = stamp_ns - _LEAD_NS
        if newest is None or newest >= needed or newest == self._abandoned_ns:
            self._waiting_since = None
            return True
        if self._waiting_since is None:
            self._waiting_since = self._wall()
        if self._inbox.wait(needed, _SLICE_S):
            self._waiting_since = None
            return True
        if self._wall() - self._waiting_since >= _PATIENCE_S:
            self._abandoned_ns = self._inbox.newest_ns
        return False

    def _judge(self, stamp_ns: int) -> None:
        wall_s = self._wall() - self._judged_from
        if self._warned or wall_s < _JUDGED_AFTER_S:
            return
        factor = (stamp_ns - self._judged_from_ns) / NS / wall_s
        self._judged_from, self._judged_from_ns = self._wall(), stamp_ns
        if factor < _SLOW * self._factor:
            self._warned = True
            self._warn(f"rendering is slower than real time: /clock runs at {factor:.2f}x")

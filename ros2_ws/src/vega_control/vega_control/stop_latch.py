"""That an emergency stop is latched, told to processes of this computer that are no ROS nodes.

The launch must not take the gate down while a stop is latched, whatever has become of the other
processes. It looks for a name that the gate's process has as long as the stop has not been left:
the name of an abstract socket, which vanishes with the process, whatever ends it.
"""

from __future__ import annotations

import socket

from vega_runtime import surroundings

from vega_control.report import Mode

LEAVE_S = 15.0
"""After a reset the last of the steps (home, a leader or the policy) may take so long to come."""


def _address() -> str:
    return f"\0vega-stop-{surroundings.domain()}"


def is_latched() -> bool:
    """Whether a gate of this computer and ROS domain is stopped, or is just being led out of it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(_address())
        except OSError:
            return False
    return True


class StopLatch:
    """The gate's side: held from a stop until it has been left by all of its steps."""

    def __init__(self) -> None:
        self._held: socket.socket | None = None
        self._leave_by_s = 0.0
        self._homing = False

    def update(self, pressed: bool, mode: Mode, now_s: float) -> None:
        """Call it at each change, and some times a second.

        Args:
            pressed: Whether the stop is latched.
            mode: Of the gate.
            now_s: Monotonic time.
        """
        if pressed:
            self._hold()
            self._leave_by_s, self._homing = now_s + LEAVE_S, False
        elif self._held is not None and self._has_been_left(mode, now_s):
            self._held.close()
            self._held = None

    def _has_been_left(self, mode: Mode, now_s: float) -> bool:
        if mode is Mode.HOMING:
            self._homing = True
            return False
        # Otherwise somebody else leads, or the arms have come home, or nobody wants anything.
        return mode is not Mode.HOLD or self._homing or now_s > self._leave_by_s

    def _hold(self) -> None:
        if self._held is None:
            held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                held.bind(_address())
            except OSError:  # another gate of this domain is stopped, too
                held.close()
            else:
                self._held = held

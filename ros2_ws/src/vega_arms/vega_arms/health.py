"""What is wrong with an arm or its bus, in words, from what came in and what could be sent."""

from __future__ import annotations

from typing import NamedTuple

from vega_arms import codes
from vega_arms.frames import JOINTS
from vega_arms.inbox import Inbox
from vega_arms.seam import WatchedBus

SILENT_S = 0.2
"""Without a frame for so long, an arm or its bus is taken to be gone."""
FROZEN_S = 1.0
_FOREIGN_S = 1.0
_BUS_OFF_S = 0.3
_FAILED_SENDS = 3


class Problem(NamedTuple):
    """Why an arm cannot be commanded.

    Attributes:
        word: One word, for counters and tests.
        text: What is wrong and what to do.
    """

    word: str
    text: str


def bus_problem(
    channel: str, lost: str, inbox: Inbox, bus: WatchedBus | None, now_s: float
) -> Problem | None:
    """What is wrong with the bus; `lost` says why it is closed, if it is."""
    if lost:
        return Problem("adapter", lost)
    if since(inbox, "bus_off", now_s) < _BUS_OFF_S:
        return Problem(
            "bus_off",
            f"{channel} is bus-off: check cable, termination and bit rate, then 'sudo ip link set "
            f"{channel} type can restart-ms 100'",
        )
    if bus is not None and bus.failed_in_a_row >= _FAILED_SENDS:
        return Problem(
            "send", f"{channel}: frames cannot be sent ({bus.last_error}); is an arm connected?"
        )
    if since(inbox, "any", now_s) > SILENT_S:
        return Problem(
            "silent", f"{channel} is silent: no frame of any arm; is it powered and connected?"
        )
    return None


def arm_problem(channel: str, inbox: Inbox, now_s: float) -> Problem | None:
    """What is wrong with the follower on a healthy bus."""
    if since(inbox, "feedback", now_s) > SILENT_S:
        if since(inbox, "foreign", now_s) < SILENT_S:
            return Problem(
                "leader_role",
                f"{channel}: control frames but no feedback: the arm is in leader role, or the "
                f"follower is off; give it follower role (0x470 FC) and switch it off and on",
            )
        return Problem("no_feedback", f"{channel}: the arm sends no feedback")
    status = inbox.status
    if status is None or not inbox.complete:
        return Problem("no_data", f"{channel}: no complete feedback yet")
    if since(inbox, "foreign", now_s) < _FOREIGN_S:
        return Problem(
            "foreign",
            f"{channel}: a leader arm, or another program, commands this arm (0x155-0x157); unplug "
            f"the leader or give it follower role, then enable again",
        )
    if frozen(inbox, now_s):
        return Problem(
            "frozen", f"{channel}: feedback comes but has not changed for {FROZEN_S:g} s"
        )
    if status.ctrl_mode in (codes.TEACH_MODE, codes.LEADER_MODE):
        return Problem("mode", f"{channel}: {codes.name(codes.CTRL_MODES, status.ctrl_mode)}")
    if status.arm_status in codes.STOPPING:
        return Problem(
            "arm_status", f"{channel}: {codes.name(codes.ARM_STATUS, status.arm_status)}"
        )
    return _motor_problem(channel, inbox)


def frozen(inbox: Inbox, now_s: float) -> bool:
    """Whether an arm with power says the same again and again: measurements always differ."""
    return inbox.enabled and since(inbox, "changed", now_s) > FROZEN_S


def disabled_problem(channel: str, inbox: Inbox) -> Problem | None:
    """Which motors are without power, of an arm that should have it."""
    off = [str(i + 1) for i in range(JOINTS) if not (inbox.motor_bits[i] or 0) & codes.ENABLED]
    if not off:
        return None
    return Problem("disabled", f"{channel}: motors {', '.join(off)} are disabled; enable the arm")


def _motor_problem(channel: str, inbox: Inbox) -> Problem | None:
    for joint in range(JOINTS):
        faults = codes.motor_faults(inbox.motor_bits[joint] or 0)
        if faults:
            return Problem("motor", f"{channel}: joint {joint + 1}: {', '.join(faults)}")
    return None


def since(inbox: Inbox, what: str, now_s: float) -> float:
    """Seconds since something was heard, see `Inbox.heard_s`; infinite when it never was."""
    seen_s = inbox.heard_s.get(what)
    return float("inf") if seen_s is None else now_s - seen_s

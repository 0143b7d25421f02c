"""What is wrong with an arm or its bus, from what came in and what could be sent."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from vega_arms import protocol
from vega_arms.feedback_decoder import FeedbackDecoder
from vega_arms.frames import JOINTS
from vega_arms.link import Link
from vega_arms.sdk_adapter import WatchedBus

SILENT_S = 0.2
"""Without a frame for so long, an arm or its bus is taken to be gone."""
FROZEN_S = 1.0
_FOREIGN_S = 1.0
_BUS_OFF_S = 0.3
_FAILED_SENDS = 3
_FROZEN_MOVING_S, _AWAY = 0.25, 0.03
_HEAL_S = 1.0


class Problem(NamedTuple):
    """Why an arm cannot be commanded.

    Attributes:
        kind: One word, for counters and tests.
        text: What is wrong and what to do.
    """

    kind: str
    text: str


def bus_problem(
    channel: str, lost: str, decoder: FeedbackDecoder, bus: WatchedBus | None, now_s: float
) -> Problem | None:
    """What is wrong with the bus; `lost` says why it is closed, if it is."""
    if lost:
        return Problem("adapter", lost)
    if since(decoder, "bus_off", now_s) < _BUS_OFF_S:
        return Problem(
            "bus_off",
            f"{channel} is bus-off: check cable, termination and bit rate, then 'sudo ip link set "
            f"{channel} type can restart-ms 100'",
        )
    if bus is not None and bus.failed_in_a_row >= _FAILED_SENDS:
        return Problem(
            "send", f"{channel}: frames cannot be sent ({bus.last_error}); is an arm connected?"
        )
    if since(decoder, "any", now_s) > SILENT_S:
        return Problem(
            "silent", f"{channel} is silent: no frame of any arm; is it powered and connected?"
        )
    return None


def arm_problem(channel: str, decoder: FeedbackDecoder, now_s: float) -> Problem | None:
    """What is wrong with the follower on a healthy bus."""
    if since(decoder, "feedback", now_s) > SILENT_S:
        if since(decoder, "foreign", now_s) < SILENT_S:
            return Problem(
                "leader_role",
                f"{channel}: control frames but no feedback: the arm is in leader role, or the "
                f"follower is off; give it follower role (0x470 FC) and switch it off and on",
            )
        return Problem("no_feedback", f"{channel}: the arm sends no feedback")
    status = decoder.status
    if status is None or not decoder.complete:
        return Problem("no_data", f"{channel}: no complete feedback yet")
    if since(decoder, "foreign", now_s) < _FOREIGN_S:
        return Problem(
            "foreign",
            f"{channel}: a leader arm, or another program, commands this arm (0x155-0x157); unplug "
            f"the leader or give it follower role, then enable again",
        )
    if frozen(decoder, now_s):
        return Problem(
            "frozen", f"{channel}: feedback comes but has not changed for {FROZEN_S:g} s"
        )
    if status.ctrl_mode in (protocol.TEACH_MODE, protocol.LEADER_MODE):
        return Problem(
            "mode", f"{channel}: {protocol.code_name(protocol.CTRL_MODES, status.ctrl_mode)}"
        )
    if status.arm_status in protocol.STOPPING:
        return Problem(
            "arm_status", f"{channel}: {protocol.code_name(protocol.ARM_STATUS, status.arm_status)}"
        )
    return _motor_problem(channel, decoder)


def frozen(decoder: FeedbackDecoder, now_s: float) -> bool:
    """Whether an arm with power says the same again and again: measurements always differ."""
    return decoder.enabled and since(decoder, "changed", now_s) > FROZEN_S


def disabled_problem(channel: str, decoder: FeedbackDecoder) -> Problem | None:
    """Which motors are without power, of an arm that should have it."""
    off = [str(i + 1) for i in range(JOINTS) if not (decoder.motor_bits[i] or 0) & protocol.ENABLED]
    if not off:
        return None
    return Problem("disabled", f"{channel}: motors {', '.join(off)} are disabled; enable the arm")


def _motor_problem(channel: str, decoder: FeedbackDecoder) -> Problem | None:
    for joint in range(JOINTS):
        faults = protocol.motor_faults(decoder.motor_bits[joint] or 0)
        if faults:
            return Problem("motor", f"{channel}: joint {joint + 1}: {', '.join(faults)}")
    return None


def since(decoder: FeedbackDecoder, what: str, now_s: float) -> float:
    """Seconds since something was heard, see `FeedbackDecoder`; infinite when it never was."""
    seen_s = decoder.heard_s.get(what)
    return float("inf") if seen_s is None else now_s - seen_s


class HealthMonitor:
    """Finds the first reason why an arm must not be commanded."""

    def __init__(self, channel: str, link: Link, has_follower: bool) -> None:
        self._channel, self._link, self._has_follower = channel, link, has_follower
        self._left_mode_s: float | None = None

    def reset(self) -> None:
        """Begins anew: the arm has just been enabled."""
        self._left_mode_s = None

    def bus_or_arm(self) -> Problem | None:
        """What is wrong with the bus or with the arm on it."""
        now_s, link, channel = time.monotonic(), self._link, self._channel
        problem = bus_problem(channel, link.lost, link.decoder, link.port.bus, now_s)
        if problem is None and self._has_follower:
            problem = arm_problem(channel, link.decoder, now_s)
        return problem

    def problem(self, commanded: Sequence[float] | None) -> Problem | None:
        """What is wrong with an enabled arm; `commanded` is what it was sent last."""
        return (
            self.bus_or_arm()
            or disabled_problem(self._channel, self._link.decoder)
            or self._frozen(commanded)
            or self._left_mode()
        )

    def _frozen(self, commanded: Sequence[float] | None) -> Problem | None:
        decoder = self._link.decoder
        state = decoder.follower
        if commanded is None or state is None:
            return None
        if since(decoder, "changed", time.monotonic()) < _FROZEN_MOVING_S:
            return None
        if any(abs(a - b) > _AWAY for a, b in zip(commanded[:JOINTS], state.q)):
            return Problem("frozen", f"{self._channel}: feedback comes but does not change")
        return None

    def _left_mode(self) -> Problem | None:
        status, now_s = self._link.decoder.status, time.monotonic()
        if status is None or status.ctrl_mode == protocol.CAN_MODE:
            self._left_mode_s = None
            return None
        # A burst of communication errors ends by itself once the mode is sent again.
        self._left_mode_s = self._left_mode_s or now_s
        if now_s - self._left_mode_s < _HEAL_S:
            return None
        mode = protocol.code_name(protocol.CTRL_MODES, status.ctrl_mode)
        return Problem("mode", f"{self._channel}: the arm left CAN mode ({mode})")

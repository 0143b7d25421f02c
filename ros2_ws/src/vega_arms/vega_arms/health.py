"""What is wrong with an arm or its bus, from what came in and what could be sent."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import NamedTuple

from vega_arms import frames, protocol
from vega_arms.feedback_decoder import FeedbackDecoder
from vega_arms.following import FollowingWatch
from vega_arms.frames import JOINTS
from vega_arms.link import Link
from vega_arms.measurement import ArmState
from vega_arms.sdk_adapter import WatchedBus
from vega_arms.sdk_port import HIGH_FOLLOW

SILENT_S = 0.2
"""Without a frame for so long, an arm or its bus is taken to be gone."""
FROZEN_S = 1.0
_FOREIGN_S = 1.0
_BUS_OFF_S = 0.3
_FAILED_SENDS = 3
_FROZEN_MOVING_S, _AWAY = 0.25, 0.03
_HEAL_S = 0.5
_OLD_S = 0.1
_BACK, _WELL = " is back", " is well again"


class Problem(NamedTuple):
    """Why an arm cannot be commanded.

    Attributes:
        kind: One word, for counters and tests.
        text: What is wrong and what to do.
        over: What is said behind the channel's name once it is over, before what to do next;
            empty for what can only be seen of an arm that is commanded.
    """

    kind: str
    text: str
    over: str = ""


def bus_problem(
    channel: str, lost: str, decoder: FeedbackDecoder, bus: WatchedBus | None, now_s: float
) -> Problem | None:
    """What is wrong with the bus; `lost` says why it is closed, if it is."""
    if lost:
        return Problem("adapter", lost, _BACK)
    if since(decoder, "bus_off", now_s) < _BUS_OFF_S:
        return Problem(
            "bus_off",
            f"{channel} is bus-off: check cable, termination and bit rate, then 'sudo ip link set "
            f"{channel} type can restart-ms 100'",
            _BACK,
        )
    if bus is not None and bus.failed_in_a_row >= _FAILED_SENDS:
        return Problem(
            "send",
            f"{channel}: frames cannot be sent ({bus.last_error}); is an arm connected?",
            _BACK,
        )
    if since(decoder, "any", now_s) > SILENT_S:
        return Problem(
            "silent",
            f"{channel} is silent: no frame of any arm; is it powered and connected?",
            _BACK,
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
                _BACK,
            )
        return Problem(
            "no_feedback", f"{channel}: the arm sends no feedback; is it switched on?", _BACK
        )
    status = decoder.status
    if status is None or not decoder.complete:
        return Problem("no_data", f"{channel}: no complete feedback yet", _BACK)
    if frozen(decoder, now_s):
        return Problem(
            "frozen",
            f"{channel}: feedback comes but has not changed for {FROZEN_S:g} s; switch the arm off "
            "and on",
            _BACK,
        )
    if status.ctrl_mode in (protocol.TEACH_MODE, protocol.LEADER_MODE):
        mode = protocol.code_name(protocol.CTRL_MODES, status.ctrl_mode)
        teach = status.ctrl_mode == protocol.TEACH_MODE
        left = ": teach mode was left" if teach else " is no leader any more"
        return Problem("mode", f"{channel}: {mode}", left)
    if status.arm_status in protocol.STOPPING:
        said = protocol.code_name(protocol.ARM_STATUS, status.arm_status)
        return Problem("arm_status", f"{channel}: {said}", _WELL)
    motor = _motor_problem(channel, decoder)
    if motor is not None:
        return motor
    if since(decoder, "foreign", now_s) < _FOREIGN_S:
        return Problem(
            "foreign",
            f"{channel}: a leader arm, or another program, commands this arm (0x155-0x157); unplug "
            f"the leader or give it follower role, then enable again",
            " is commanded by nobody else any more",
        )
    return None


def frozen(decoder: FeedbackDecoder, now_s: float) -> bool:
    """Whether an arm with power says the same again and again: measurements always differ."""
    return decoder.enabled and since(decoder, "changed", now_s) > FROZEN_S


def gripper_problem(channel: str, decoder: FeedbackDecoder) -> Problem | None:
    """What the gripper's motor says is wrong; enabling clears what can be cleared."""
    fault = protocol.gripper_fault(decoder.gripper_bits or 0)
    if fault is None:
        return None
    return Problem("gripper", f"{channel}: gripper: {fault.text}; {fault.remedy}", _WELL)


def disabled_problem(channel: str, decoder: FeedbackDecoder) -> Problem | None:
    """Which motors are without power, of an arm that should have it."""
    off = [str(i + 1) for i in range(JOINTS) if not (decoder.motor_bits[i] or 0) & protocol.ENABLED]
    if off:
        text = f"{channel}: motors {', '.join(off)} are disabled; enable the arm"
        return Problem("disabled", text)
    if decoder.gripper_bits is not None and not decoder.gripper_bits & protocol.ENABLED:
        text = f"{channel}: the gripper is off; check its cable, then enable the arm"
        return Problem("gripper_off", text)
    return None


def _motor_problem(channel: str, decoder: FeedbackDecoder) -> Problem | None:
    for joint in range(JOINTS):
        fault = protocol.motor_fault(decoder.motor_bits[joint] or 0)
        if fault is not None:
            text = f"{channel}: joint {joint + 1}: {fault.text}; {fault.remedy}"
            return Problem("motor", text, _WELL)
    return None


def since(decoder: FeedbackDecoder, what: str, now_s: float) -> float:
    """Seconds since something was heard, see `FeedbackDecoder`; infinite when it never was."""
    seen_s = decoder.heard_s.get(what)
    return float("inf") if seen_s is None else now_s - seen_s


class HealthMonitor:
    """Finds the first reason why an arm must not be commanded."""

    def __init__(self, channel: str, link: Link, has_follower: bool, watch: FollowingWatch) -> None:
        self._channel, self._link, self._has_follower = channel, link, has_follower
        self._following = watch
        self._left_mode_s: float | None = None

    def reset(self) -> None:
        """Begins anew: the arm has just been enabled."""
        self._left_mode_s = None
        self._following.reset()

    def bus_or_arm(self) -> Problem | None:
        """What is wrong with the bus or with the arm on it."""
        now_s, link, channel = time.monotonic(), self._link, self._channel
        problem = bus_problem(channel, link.lost, link.decoder, link.port.bus, now_s)
        if problem is None and self._has_follower:
            problem = arm_problem(channel, link.decoder, now_s)
        return problem

    def at_rest(self) -> Problem | None:
        """What is wrong with an arm that this driver does not command."""
        problem = self.bus_or_arm()
        # Who is taught by a leader wants to know of it, too.
        if problem is None or problem.kind == "foreign":
            return gripper_problem(self._channel, self._link.decoder) or problem
        return problem

    def problem(self, commanded: Sequence[float] | None, follow: int) -> Problem | None:
        """What is wrong with an enabled arm.

        Args:
            commanded: What it was sent last, [7]; None before it was sent anything.
            follow: How it was told to follow, see `sdk_port`.
        """
        return (
            self.at_rest()
            or disabled_problem(self._channel, self._link.decoder)
            or self._frozen(commanded)
            or self._left_mode(follow)
            or self._not_following(commanded)
        )

    def _frozen(self, commanded: Sequence[float] | None) -> Problem | None:
        decoder = self._link.decoder
        state = decoder.follower
        if commanded is None or state is None:
            return None
        if since(decoder, "changed", time.monotonic()) < _FROZEN_MOVING_S:
            return None
        if any(abs(a - b) > _AWAY for a, b in zip(commanded[:JOINTS], state.q)):
            text = f"{self._channel}: feedback comes but does not change; switch the arm off and on"
            return Problem("frozen", text)
        return None

    def _not_following(self, commanded: Sequence[float] | None) -> Problem | None:
        state = self._link.decoder.follower
        # What waited for a busy computer tells where the arm was, not where it is.
        if commanded is None or state is None or abs(time.time() - state.stamp_s) > _OLD_S:
            return None
        joint = self._following.observe(commanded, state, time.monotonic())
        if joint is None:
            return None
        text = _what_is_known(joint, self._following.told(joint), state, self._link.decoder)
        return Problem("following", f"{self._channel}: {text}")

    def _left_mode(self, follow: int) -> Problem | None:
        status, now_s = self._link.decoder.status, time.monotonic()
        if status is None or in_mode(status, follow):
            self._left_mode_s = None
            return None
        # A burst of communication errors ends by itself once the mode is sent again.
        self._left_mode_s = self._left_mode_s or now_s
        if now_s - self._left_mode_s < _HEAL_S:
            return None
        return Problem("mode", f"{self._channel}: {wrong_mode(status)}")


def in_mode(status: frames.Status, follow: int) -> bool:
    """Whether the arm obeys joint targets over CAN, as it was told."""
    moves = protocol.MIT | {protocol.MOVE_J} if follow == HIGH_FOLLOW else {protocol.MOVE_J}
    return status.ctrl_mode == protocol.CAN_MODE and status.mode_feed in moves


def mode_words(status: frames.Status) -> str:
    """Who commands the arm, and how it moves."""
    mode = protocol.code_name(protocol.CTRL_MODES, status.ctrl_mode)
    return f"{mode}, {protocol.code_name(protocol.MOVES, status.mode_feed)}"


def wrong_mode(status: frames.Status) -> str:
    """What is wrong with the mode of an arm that is not `in_mode`, and what to do."""
    if status.ctrl_mode != protocol.CAN_MODE:
        mode = protocol.code_name(protocol.CTRL_MODES, status.ctrl_mode)
        return f"the arm left CAN mode ({mode}); enable the arm"
    move = protocol.code_name(protocol.MOVES, status.mode_feed)
    return (
        f"the arm is in {move} where MOVE J was asked for: joint targets do not move it; hold the "
        "arm, reset it (it loses power and drops), and enable it"
    )


def _what_is_known(
    joint: int, told: tuple[float, float], state: ArmState, decoder: FeedbackDecoder
) -> str:
    mode = mode_words(decoder.status) if decoder.status else "mode not told"
    scale, digits, unit = (1e3, 0, "mm") if joint == JOINTS else (math.degrees(1.0), 1, "deg")
    asked = " .. ".join(dict.fromkeys(f"{scale * value:.{digits}f}" for value in told))
    at, effort = f"{scale * state.q[joint]:.{digits}f}", state.effort[joint]
    stands = f"told {asked} {unit}, it stands at {at} {unit} with {effort:.2f} N m"
    if joint == JOINTS:
        motor = protocol.gripper_state(decoder.gripper_bits or 0)
        return (
            f"the gripper does not obey: {stands} (motor {motor}; {mode}); look at its cable and "
            "jaws, then enable the arm"
        )
    motor = protocol.motor_state(decoder.motor_bits[joint] or 0)
    return (
        f"joint {joint + 1} does not follow: {stands} (motor {motor}; {mode}); free it if it is "
        "blocked, hold the arm and reset it if it is loose or in another mode; then enable it"
    )

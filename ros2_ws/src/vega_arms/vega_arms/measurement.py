"""What an arm measures: put together from its frames, in SI units, and checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from piper_sdk import C_PiperInterface_V2

from vega_arms.frames import JOINTS, HighSpeed
from vega_arms.protocol import Firmware, from_millidegrees

# Nothing real turns further, or moves this far between two feedbacks (5 ms).
_FURTHEST, _FURTHEST_GRIPPER = math.radians(400.0), 0.15
_JUMP, _JUMP_GRIPPER = 0.3, 0.05
_JUMPS_BELIEVED = 5
_FASTEST = 30.0
# N m an ampere, as in the SDK.
_TORQUE = (1.18125, 1.18125, 1.18125, 0.95844, 0.95844, 0.95844)
_FIELDS = tuple(f"joint_{i}" for i in range(1, JOINTS + 1))


class ArmState(NamedTuple):
    """Joints 1-6 and gripper: rad and m, rad/s and m/s, N m.

    `stamp_s` is the host's wall time at which the arm's last frame came in.
    """

    stamp_s: float
    q: tuple[float, ...]
    dq: tuple[float, ...]
    effort: tuple[float, ...]


class Measurement:
    """Makes the states of one arm, one after the other.

    Args:
        sdk: Has decoded joints and gripper.
    """

    def __init__(self, sdk: C_PiperInterface_V2) -> None:
        self._sdk = sdk
        self._before: ArmState | None = None
        self._jumps = 0
        self._grippers: tuple[float, float, float] | None = None

    def next(self, speeds: Sequence[HighSpeed], firmware: Firmware | None) -> ArmState | None:
        """The state of this period, from what the motors [6] said; None when it cannot be true."""
        heard = self._sdk.GetArmJointMsgs()
        stamp_s = heard.time_stamp
        gripper = self._sdk.GetArmGripperMsgs().gripper_state
        opening = gripper.grippers_angle * 1e-6
        factors = firmware.effort_factors if firmware else (1.0,) * JOINTS
        efforts = [s.current * 1e-3 * t * f for s, t, f in zip(speeds, _TORQUE, factors)]
        dq = [min(max(s.speed * 1e-3, -_FASTEST), _FASTEST) for s in speeds]
        state = ArmState(
            stamp_s,
            (*joints(heard.joint_state), opening),
            (*dq, self._gripper_speed(stamp_s, opening)),
            (*efforts, gripper.grippers_effort * 1e-3),
        )
        if not self._plausible(state):
            return None
        self._before = state
        return state

    def _gripper_speed(self, stamp_s: float, opening: float) -> float:
        # The arm does not say it. Over about 20 ms, so that jitter of the stamps matters little.
        before = self._grippers
        if before is None or not 0.0 < stamp_s - before[0] < 0.5:
            self._grippers = (stamp_s, opening, 0.0)
        elif stamp_s - before[0] > 0.018:
            self._grippers = (stamp_s, opening, (opening - before[1]) / (stamp_s - before[0]))
        return self._grippers[2] if self._grippers else 0.0

    def _plausible(self, state: ArmState) -> bool:
        if not reachable(state.q[:JOINTS]) or not -0.01 <= state.q[JOINTS] <= _FURTHEST_GRIPPER:
            return False
        if self._before is not None and _jumped(self._before.q, state.q):
            # A spoilt frame is one frame. An arm that was zeroed anew stays where it says it is.
            self._jumps += 1
            if self._jumps < _JUMPS_BELIEVED:
                return False
        self._jumps = 0
        return True


def joints(told: object) -> list[float]:
    """Joints 1-6, rad, as the SDK's feedback or command tells them."""
    return [from_millidegrees(getattr(told, field)) for field in _FIELDS]


def reachable(q: Sequence[float]) -> bool:
    """Whether any joint could stand there."""
    return min(q) >= -_FURTHEST and max(q) <= _FURTHEST


def _jumped(before: Sequence[float], now: Sequence[float]) -> bool:
    moved = [abs(a - b) for a, b in zip(before, now)]
    return moved.pop() > _JUMP_GRIPPER or max(moved) > _JUMP

"""Whether an arm goes where it is led: what it was sent compared with what it measures."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from hw_config.schema import Following
from vega_arms.frames import JOINTS
from vega_arms.measurement import ArmState

_PERIOD_S = 0.02
# What a stall of this computer hides is no evidence.
_LONGEST_STEP_S = 0.05
# An arm that comes nearer by this share of its tolerance meanwhile is slow, but it follows.
_PROGRESS = 1.0 / 3.0
# One that moves less than this, or this share of what it was led about, stands still.
_STILL_RAD, _STILL_SHARE = 0.002, 0.1
# Evidence fades slowly: whoever leads may begin anew from where the arm is, again and again.
_FADING = 0.05


class FollowingWatch:
    """Finds the joint that does not follow.

    A joint follows while it is near anything that it was sent within the servos' lag, or comes
    nearer. A policy that looks at where the arm is may lead it about by half its tolerance or more
    again and again, and then it follows if it moves at all; sent where it is, or pressing steadily,
    it may stand. A gripper that presses is held open by what it holds.

    Args:
        limits: What is near.
        gripper_effort: What the gripper is told to press with at most, N m.
    """

    def __init__(self, limits: Following, gripper_effort: float = 1.0) -> None:
        self._limits = limits
        self._contact_nm = min(limits.contact_nm, 0.5 * gripper_effort)
        # It is led about while what it is sent has changed within `after_s`: less than it takes to
        # be found, so that one motion alone, as into something rigid, is judged by where it ends.
        self._kept_s = max(limits.lag_s, limits.after_s)
        self._tolerance = (limits.joint_rad,) * JOINTS + (limits.gripper_m,)
        self.reset()

    def reset(self) -> None:
        """Begins anew: the arm has just been enabled."""
        self._sent: deque[tuple[float, Sequence[float]]] = deque()
        self._seen: ArmState | None = None
        self._time_s: float | None = None
        self._blame_s = [0.0] * (JOINTS + 1)
        self._came_from: list[float | None] = [None] * (JOINTS + 1)
        # Where each joint stands still, since when, and for how long it was led about there.
        self._still: list[tuple[float, float, float] | None] = [None] * JOINTS

    def observe(self, sent: Sequence[float], state: ArmState, now_s: float) -> int | None:
        """Takes what was sent and measured last, [7] each; which of them does not follow (0-6)."""
        if self._time_s is not None and now_s - self._time_s < _PERIOD_S:
            return None
        step_s = 0.0 if self._time_s is None else min(now_s - self._time_s, _LONGEST_STEP_S)
        self._time_s = now_s
        self._sent.append((now_s, tuple(sent)))
        while len(self._sent) > 1 and now_s - self._sent[0][0] > self._kept_s:
            self._sent.popleft()
        if state is self._seen:
            return None  # nothing new: silence is found elsewhere
        self._seen = state
        for joint in range(JOINTS + 1):
            self._judge(joint, state, now_s, step_s)
        blame_s = list(self._blame_s)
        for joint in range(JOINTS):
            idle_s = self._idle_s(joint, state.q[joint], now_s, step_s)
            blame_s[joint] = max(blame_s[joint], idle_s)
        worst = max(range(JOINTS + 1), key=blame_s.__getitem__)
        return worst if blame_s[worst] >= self._limits.after_s else None

    def told(self, joint: int) -> tuple[float, float]:
        """Least and greatest of what a joint (0-6) was sent lately: rad, gripper m."""
        return self._sent_since(float("-inf"), joint)

    def _sent_since(self, time_s: float, joint: int) -> tuple[float, float]:
        sent = [positions[joint] for sent_s, positions in self._sent if sent_s >= time_s]
        return min(sent), max(sent)

    def _judge(self, joint: int, state: ArmState, now_s: float, step_s: float) -> None:
        q = state.q[joint]
        lowest, highest = self._sent_since(now_s - self._limits.lag_s, joint)
        gap = lowest - q if q < lowest else min(highest - q, 0.0)
        presses = joint == JOINTS and abs(state.effort[joint]) >= self._contact_nm
        if abs(gap) <= self._tolerance[joint] or presses:
            self._blame_s[joint] = max(0.0, self._blame_s[joint] - _FADING * step_s)
            self._came_from[joint] = None
            return
        began = self._came_from[joint]
        if began is None:
            self._came_from[joint] = began = q
        came = (q - began) if gap > 0.0 else (began - q)
        if came > _PROGRESS * self._tolerance[joint]:
            self._came_from[joint], self._blame_s[joint] = q, 0.0
        else:
            self._blame_s[joint] += step_s

    def _idle_s(self, joint: int, q: float, now_s: float, step_s: float) -> float:
        """For how long it has stood still although it was led about, less the servos' lag."""
        place, since_s, idle_s = self._still[joint] or (q, now_s, 0.0)
        lowest, highest = self._sent_since(max(since_s, now_s - self._limits.after_s), joint)
        still_rad = max(_STILL_RAD, _STILL_SHARE * (highest - lowest))
        away_rad = abs(self._sent[-1][1][joint] - q)
        if abs(q - place) > still_rad:
            place, since_s, idle_s = q, now_s, 0.0
        elif highest - lowest >= 0.5 * self._tolerance[joint] and away_rad > still_rad:
            idle_s += step_s
        else:
            idle_s = max(0.0, idle_s - step_s)
        self._still[joint] = place, since_s, idle_s
        return idle_s - self._limits.lag_s

"""The filter between commands and an arm: which are taken, and how the arm is led to them."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from vega_arms.config import DriverConfig
from vega_arms.feedback_decoder import FeedbackDecoder
from vega_arms.frames import JOINTS
from vega_arms.health import in_mode
from vega_arms.limits import Ramp, Reconciled, reconcile
from vega_arms.sdk_port import HIGH_FOLLOW, STEADY, SdkPort

_LONGEST_VALIDITY_S = 0.5
_GRIPPER_REPEAT_S, _GRIPPER_CHANGE = 0.05, 2e-4


class Target(NamedTuple):
    """A command that was taken: joints 1-6 rad, gripper m, valid until a monotonic time."""

    positions: tuple[float, ...]
    until_s: float


class CommandFilter:
    """Leads an enabled arm, within its limits.

    Attributes:
        limits: What holds for the arm; nothing but hw_config's until it has told its own.
        counters: What became of the commands.
        sent_q: What the arm was sent last since it was enabled, or None.
    """

    def __init__(self, config: DriverConfig, port: SdkPort, decoder: FeedbackDecoder) -> None:
        self._config, self._port, self._decoder = config, port, decoder
        self.limits: Reconciled = reconcile(config.lower, config.upper, {})
        self.counters: Counter[str] = Counter()
        self.sent_q: list[float] | None = None
        self._ramp = Ramp(config.velocity)
        self._sequence = -1
        self._gripper_sent = (float("-inf"), float("nan"))

    @property
    def follow_mode(self) -> int:
        """How the arm follows."""
        # Only a reset, with which the arm falls, leads from high-follow back to steady.
        high = self._config.high_follow or self._decoder.foreign_high_follow
        return HIGH_FOLLOW if high else STEADY

    def reconcile(self) -> None:
        """Compares hw_config's limits with those that the arm has told."""
        self.limits = reconcile(self._config.lower, self._config.upper, self._decoder.limits)

    def begin(self, q: Sequence[float]) -> None:
        """The arm is enabled, and stands there; sequences start anew."""
        self._ramp.start(q, time.monotonic())
        self.sent_q, self._sequence = None, -1

    def hold(self, q: Sequence[float]) -> None:
        """Asks the arm to stay there: its last target may be far from where something keeps it."""
        self._port.joints(q)
        self._port.gripper(q[JOINTS], self._config.gripper_effort)

    def refusal(self, positions: Sequence[float], sequence: int, validity_s: float) -> str | None:
        """Why a command must not be executed: one word for counters."""
        if len(positions) != JOINTS + 1:
            return "wrong_shape"
        if not all(map(math.isfinite, positions)):
            return "non_finite"
        if validity_s <= 0.0:
            return "stale"
        return "out_of_order" if sequence <= self._sequence else None

    def take(self, positions: Sequence[float], sequence: int, validity_s: float) -> Target:
        """A command that is not refused, as a target from now on."""
        self._sequence = sequence
        until_s = time.monotonic() + min(validity_s, _LONGEST_VALIDITY_S)
        return Target(tuple(positions), until_s)

    def follow(self, target: Target) -> None:
        """Sends the arm on towards a target, unless that has expired."""
        now_s = time.monotonic()
        if now_s > target.until_s:
            self.counters["expired"] += 1
            return
        status = self._decoder.status
        if status is not None and not in_mode(status, self.follow_mode):
            # After a burst of communication errors the arm wants its mode again.
            self._port.mode(self.follow_mode, self._config.speed_percent)
        sent, changed = self._ramp.toward(target.positions, self.limits, now_s)
        self.counters["limited"] += changed
        self._port.joints(sent)
        last_s, last = self._gripper_sent
        moved = not abs(sent[JOINTS] - last) < _GRIPPER_CHANGE
        if moved or now_s - last_s > _GRIPPER_REPEAT_S:
            self._port.gripper(sent[JOINTS], self._config.gripper_effort)
            self._gripper_sent = (now_s, sent[JOINTS])
        self.sent_q = sent
        self.counters["sent"] += 1

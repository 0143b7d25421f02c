"""What the arms or the leaders say of themselves, and whether it can be relied on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vega_control.config import GateConfig


class Now(NamedTuple):
    """The present on both clocks of the gate, in seconds.

    Attributes:
        ros_s: ROS time: stamps of chunks and commands.
        monotonic_s: By which the age of joint states is watched: a stopped ROS clock must not keep
            an arm from being held.
    """

    ros_s: float
    monotonic_s: float

    @classmethod
    def simulated(cls, time_s: float) -> Now:
        """One simulated clock for both: where time stands still, the arms stand still with it."""
        return cls(time_s, time_s)


class Feedback:
    """Measured positions of all arms, their age, and whether each arm is enabled."""

    def __init__(
        self,
        arms: Mapping[str, slice],
        joints: int,
        max_age_s: float,
        *,
        margin_s: float = 0.0,
        kind: str = "arm",
    ) -> None:
        """Watches joint states.

        Args:
            arms: The place of each arm's joints in a vector of all joints.
            joints: Length of such a vector.
            max_age_s: Without a joint state for this long there is a problem.
            margin_s: It is told this much earlier, so that what is done about it comes in time.
            kind: What messages call them: arm or leader.
        """
        self._arms = dict(arms)
        self._max_age_s = max_age_s
        self._tripped_s = max_age_s - margin_s
        self._kind = kind
        self._seen_s: dict[str, float | None] = dict.fromkeys(arms)
        self._disabled: dict[str, str] = {}
        self.positions = np.zeros(joints)

    @classmethod
    def of(cls, config: GateConfig, kind: str) -> Feedback:
        """Of all arms or leaders, a problem being told two periods before it would be one."""
        return cls(
            config.arms,
            len(config.joint_names),
            config.max_state_age_s,
            margin_s=2.0 * config.period_s,
            kind=kind,
        )

    def observe(
        self, arm: str, positions: Sequence[float] | NDArray[np.float64], time_s: float
    ) -> bool:
        """Notes a joint state of one arm: rad, gripper m.

        Returns:
            False when it is unusable (wrong length or a value that is not finite) and ignored.
        """
        values = np.asarray(positions, np.float64)
        place = self._arms[arm]
        if len(values) != place.stop - place.start or not np.isfinite(values).all():
            return False
        self.positions[place] = values
        self._seen_s[arm] = time_s
        return True

    def set_enabled(self, arm: str, enabled: bool, text: str = "") -> None:
        """Notes whether an arm can move; `text` says why not."""
        if enabled:
            self._disabled.pop(arm, None)
        else:
            self._disabled[arm] = text or "no reason given"

    def forget(self) -> None:
        """Drops the joint states: the time they were stamped with is no longer valid."""
        self._seen_s = dict.fromkeys(self._arms)

    @property
    def disabled_arms(self) -> list[slice]:
        """Places of the arms that cannot move."""
        return [self._arms[arm] for arm in self._disabled]

    @property
    def complete(self) -> bool:
        """Whether every arm has been heard of."""
        return None not in self._seen_s.values()

    def problem(self, now_s: float) -> str | None:
        """Why they cannot be relied on now, naming the arm, or None."""
        silence = self.silence(now_s)
        if silence is not None:
            return silence
        for arm, text in self._disabled.items():
            return f"the {arm} {self._kind} is disabled: {text}"
        return None

    def silence(self, now_s: float) -> str | None:
        """Whose joint states do not come, or None."""
        for arm, seen_s in self._seen_s.items():
            if seen_s is None:
                return f"no joint states of the {arm} {self._kind} yet"
            if now_s - seen_s > self._tripped_s:
                return f"no joint states of the {arm} {self._kind} for {self._max_age_s:g} s"
        return None

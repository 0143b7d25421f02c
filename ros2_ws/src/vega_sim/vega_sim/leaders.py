"""The twin's two leader arms, and the operator's hands that move them.

An operator decides 25 times a second; in between a leader goes in a straight line, one step a tick
(5 ms). When another hand takes over, what is left of the former motion fades out: a leader never
jumps. Nothing here knows ROS.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from vega_description.transforms import Array

from vega_sim import operators
from vega_sim.homing import HomingMotion
from vega_sim.jogging import JogHand
from vega_sim.twin import Twin

NOBODY, SCRIPTED, KEYBOARD = "none", "scripted", "keyboard"
OPERATORS = (NOBODY, SCRIPTED, KEYBOARD)
SHARED_BUS = "shared_bus"
# A leader that rests stands where its arm is, but for the error of the arm's servos.
_SAME, _RESTS = np.array(([0.01] * 6 + [0.002]) * 2), 1e-3
_SHORTEST_FADE_S = 0.3
_FADE_SPEED = np.array(([0.8] * 6 + [0.1]) * 2)
_FASTEST = np.array(([3.0] * 6 + [0.3]) * 2)


class OperatorError(ValueError):
    """The operator cannot do what is asked for; the text says why and what to do."""


class Hand(Protocol):
    """Moves both leaders."""

    def act(self, twin: Twin) -> Array:
        """Where they are to be in a control period, [14]."""


def checked(operator: str) -> str:
    """The name of an operator of the twin.

    Raises:
        OperatorError: There is none of that name; the text says which there are.
    """
    if operator not in OPERATORS:
        raise OperatorError(f"operator {operator!r}: expected one of {', '.join(OPERATORS)}")
    return operator


class Leaders:
    """Both leader arms. They begin at home, where the arms are after a reset.

    Args:
        twin: the scene that the operator sees.
        operator: who moves them, `scripted` or `keyboard`.
        state_hz: ticks a second.

    Attributes:
        leads: whether the arms obey the leaders by themselves, as on a bus that they share.
        positions: [14] rad, gripper m.
        velocities: [14].
    """

    def __init__(self, twin: Twin, operator: str, state_hz: float) -> None:
        hw = twin.hw
        self.operator = checked(operator)
        self._arms = tuple(map(str, hw.arms))
        self.leads = hw.topology == SHARED_BUS
        self._are_jaws = np.array([name.endswith("gripper") for name in hw.joint_names])
        self._tick_s = 1.0 / state_hz
        self._ticks = round(state_hz / hw.rates.control_hz)
        self._lower, self._upper = np.array(hw.limits.lower), np.array(hw.limits.upper)
        self.start(twin)

    def start(self, twin: Twin) -> None:
        """The scene was reset and the arms put at home: so are the leaders, at rest."""
        self._twin = twin
        self.positions = np.clip(twin.hw.home, self._lower, self._upper)
        self.velocities = np.zeros_like(self.positions)
        self._hand: Hand | None = None
        self._from = self._aim = self.positions
        self._fade = _Fade(np.zeros_like(self.positions), self.velocities)
        self._tick = 0
        self._wishes: dict[str, Array] = {}

    def follow_reset(self, twin: Twin) -> None:
        """The scene was reset around the arms: the leaders go home from where they are."""
        self._twin = twin
        self.go_home()

    def act(self, working: bool) -> str:
        """Has the script begin from the present state, or the leaders go home; says which.

        Raises:
            OperatorError: The operator is a person, who begins by moving a leader.
        """
        if not working:
            self.go_home()
            return "the leaders go home"
        if self.operator != SCRIPTED:
            raise OperatorError(
                "the operator is at the keyboard: move the leaders with 'ros2 run vega_sim drive'"
            )
        script = operators.make(self._twin.task.config.name)
        script.reset(self._twin)
        self._take(script, self._twin.positions())
        return f"the script of {script.task} begins"

    def go_home(self) -> None:
        """Leads the arms home, smoothly."""
        # What the jaws hold they go on holding, with the same force.
        begins = np.where(self._are_jaws, self.positions, self._twin.positions())
        self._take(HomingMotion(self._twin, begins), begins)

    def jog(
        self, arm: str, linear: Sequence[float], angular: Sequence[float], gripper: float
    ) -> None:
        """Moves a leader by hand: speed of its tool in footprint, [3] m/s and [3] rad/s, and jaws.

        It also interrupts the way home. May be called from any thread.

        Raises:
            OperatorError: Nobody is at the keyboard, there is no such arm, or a number is not
                finite.
        """
        if self.operator != KEYBOARD:
            raise OperatorError("the operator is scripted: launch with operator:=keyboard to drive")
        if arm not in self._arms:
            raise OperatorError(f"no arm {arm!r} to move; the arms are: {', '.join(self._arms)}")
        wish = np.array([*linear, *angular, gripper], dtype=float)
        if not np.isfinite(wish).all():
            raise OperatorError("a speed is a finite number")
        self._wishes[arm] = wish

    def tick(self) -> None:
        """Moves on by a tick, from the twin's present state."""
        self._drive()
        step = self._tick % self._ticks
        if step == 0 and self._hand is not None:
            self._from = self._aim
            self._aim = np.clip(self._hand.act(self._twin), self._lower, self._upper)
        self._tick += 1
        share = (step + 1) / self._ticks
        led = self._from + (self._aim - self._from) * share + self._fade.next(self._tick_s)
        reach = _FASTEST * self._tick_s
        before = self.positions
        led = np.clip(led, before - reach, before + reach)
        self.positions = np.clip(led, self._lower, self._upper)
        self.velocities = (self.positions - before) / self._tick_s

    @property
    def phase(self) -> str:
        """What the operator is doing, for people."""
        if isinstance(self._hand, (operators.Operator, HomingMotion)):
            return ", ".join(f"{side} {phase}" for side, phase in self._hand.phases.items())
        return "at rest" if self._hand is None else "driven from the keyboard"

    def _drive(self) -> None:
        """Does what the keys have asked for since the last tick."""
        while self._wishes:
            arm, wish = self._wishes.popitem()
            if not isinstance(self._hand, JogHand):
                self._take(JogHand(self._twin, self.positions), self.positions)
            assert isinstance(self._hand, JogHand)
            self._hand.ask(arm, wish)

    def _take(self, hand: Hand, begins: Array) -> None:
        """Another hand takes over, which begins at `begins`, at rest."""
        gap = self.positions - begins
        if (np.abs(gap) < _SAME).all() and (np.abs(self.velocities) < _RESTS).all():
            begins, gap, self.velocities = self.positions, np.zeros_like(gap), np.zeros_like(gap)
        self._fade = _Fade(gap, self.velocities)
        self._hand, self._from, self._aim = hand, begins, begins
        self._tick = 0


class _Fade:
    """What is left of a former motion: it ends smoothly at zero.

    Args:
        gap: where it stands now, from where the new one begins.
        velocity: how fast it still is.
    """

    def __init__(self, gap: Array, velocity: Array) -> None:
        self._gap, self._velocity = gap.copy(), velocity.copy()
        slowest = float((1.5 * np.abs(gap) / _FADE_SPEED).max())
        self._duration_s = max(_SHORTEST_FADE_S, slowest)
        self._time_s = 0.0

    def next(self, dt: float) -> Array:
        """What is left after another `dt`."""
        self._time_s += dt
        u = min(self._time_s / self._duration_s, 1.0)
        left = 1.0 - u * u * (3.0 - 2.0 * u)
        coasted = self._duration_s * u * (1.0 - u) ** 2
        return left * self._gap + coasted * self._velocity

"""Gives an arm power without moving it: joints one by one, then the gripper where it stands."""

from __future__ import annotations

import time
from collections.abc import Callable

from vega_arms import protocol
from vega_arms.feedback_decoder import FeedbackDecoder
from vega_arms.frames import JOINTS
from vega_arms.sdk_port import SdkPort

_HEAR_S = 2.0
_SETTINGS_S = 0.5
_MOTOR_S, _REPEAT_S = 1.0, 0.05
_MODE_S = 1.0
_GRIPPER_S = 0.3
_POLL_S = 0.002


class NotEnabled(Exception):
    """The arm could not be given power; the text says why and what to do."""


class Enabling:
    """The steps from an arm at rest to one that follows commands.

    Args:
        problem: What forbids to go on, as text, or None; asked throughout.
        asleep: Waits for some seconds; returns True when the driver is being closed.
    """

    def __init__(
        self,
        port: SdkPort,
        decoder: FeedbackDecoder,
        problem: Callable[[], str | None],
        asleep: Callable[[float], bool],
    ) -> None:
        self._port, self._decoder = port, decoder
        self._problem, self._asleep = problem, asleep

    def hear(self) -> None:
        """Waits for complete feedback: an arm, or its bus, may just have been switched on."""
        self._until(lambda: self._decoder.complete, _HEAR_S)

    def settings(self) -> None:
        """Asks for limits, firmware and gripper until all have been answered, or for 0.5 s."""
        decoder = self._decoder
        self._port.ask_settings()
        self._until(
            lambda: (
                len(decoder.limits) == JOINTS
                and decoder.firmware is not None
                and decoder.gripper_stroke_mm is not None
            ),
            _SETTINGS_S,
        )

    def run(self, follow: int, speed_percent: int, stroke_mm: int, effort: float) -> None:
        """Enables the arm where it is.

        Raises:
            NotEnabled: Something forbids it, or the arm did not obey.
        """
        self._check()
        self._stroke(stroke_mm)
        self._mode(follow, speed_percent)
        for motor in range(1, JOINTS + 1):
            self._motor(motor)
        # Again: an arm that was disabled enters the mode only with power.
        self._mode(follow, speed_percent)
        self._port.joints(self._state_q())
        self._gripper(effort)
        self._check()

    def _mode(self, follow: int, speed_percent: int) -> None:
        def entered() -> bool:
            status = self._decoder.status
            return status is not None and status.ctrl_mode == protocol.CAN_MODE

        end_s = time.monotonic() + _MODE_S
        while True:
            self._port.mode(follow, speed_percent)
            if self._until(entered, _REPEAT_S):
                return
            self._check()
            if time.monotonic() > end_s:
                raise NotEnabled("the arm does not enter CAN mode; switch it off and on")

    def _motor(self, motor: int) -> None:
        def on() -> bool:
            return bool((self._decoder.motor_bits[motor - 1] or 0) & protocol.ENABLED)

        end_s = time.monotonic() + _MOTOR_S
        while not on():
            self._check()
            if time.monotonic() > end_s:
                raise NotEnabled(f"motor {motor} cannot be enabled; switch the arm off and on")
            # After a reset the first one is not obeyed.
            self._port.enable_motor(motor)
            self._until(on, _REPEAT_S)
        # Held from where it is now, not from where it was before the others had power.
        self._port.joints(self._state_q())

    def _stroke(self, stroke_mm: int) -> None:
        decoder = self._decoder
        if decoder.gripper_stroke_mm == stroke_mm:
            return
        for _ in range(3):
            self._port.gripper_stroke(stroke_mm)
            self._port.ask_gripper_stroke()
            if self._until(lambda: decoder.gripper_stroke_mm == stroke_mm, _REPEAT_S):
                return
        raise NotEnabled(
            f"the arm does not take the gripper's stroke of {stroke_mm} mm (it says "
            f"{decoder.gripper_stroke_mm})"
        )

    def _gripper(self, effort: float) -> None:
        def on() -> bool:
            return bool((self._decoder.gripper_bits or 0) & protocol.ENABLED)

        opening = self._state_q()[JOINTS]
        if not on():
            self._port.gripper(opening, effort, code=2)
        for code in (3, 1):
            self._port.gripper(opening, effort, code=code)
            if self._until(on, _GRIPPER_S):
                return
        state = protocol.gripper_state(self._decoder.gripper_bits or 0)
        raise NotEnabled(f"the gripper cannot be enabled: {state}")

    def _state_q(self) -> tuple[float, ...]:
        state = self._decoder.follower
        if state is None:
            raise NotEnabled("no feedback of the arm")
        return state.q

    def _check(self) -> None:
        problem = self._problem()
        if problem is not None:
            raise NotEnabled(problem)

    def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        end_s = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end_s:
                return False
            if self._asleep(_POLL_S):
                raise NotEnabled("the driver is being closed")
        return True

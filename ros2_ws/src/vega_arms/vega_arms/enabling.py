"""Gives an arm power without moving it: joints one by one, then the gripper where it stands."""

from __future__ import annotations

import time
from collections.abc import Callable

from vega_arms import protocol
from vega_arms.feedback_decoder import FeedbackDecoder
from vega_arms.frames import JOINTS
from vega_arms.health import Problem, gripper_problem, in_mode, wrong_mode
from vega_arms.sdk_port import SdkPort

_HEAR_S = 2.0
_SETTINGS_S = 0.5
_MOTOR_S, _REPEAT_S = 1.0, 0.05
_MODE_S = 1.0
_RESET_S = 2.0
_GRIPPER_S = 0.3
_POLL_S = 0.002


class NotEnabled(Exception):
    """The arm could not be given power; the text says why and what to do.

    Attributes:
        problem: What forbade it, if it was a problem of arm or bus.
    """

    def __init__(self, text: str, problem: Problem | None = None) -> None:
        super().__init__(text)
        self.problem = problem


class Enabling:
    """The steps from an arm at rest to one that follows commands.

    Args:
        problem: What forbids to go on, or None; asked throughout.
        asleep: Waits for some seconds; returns True when the driver is being closed.
    """

    def __init__(
        self,
        port: SdkPort,
        decoder: FeedbackDecoder,
        problem: Callable[[], Problem | None],
        asleep: Callable[[float], bool],
    ) -> None:
        self._port, self._decoder = port, decoder
        self._problem, self._asleep = problem, asleep

    def hear(self) -> None:
        """Waits for complete feedback: an arm, or its bus, may just have been switched on."""
        self._until(lambda: self._decoder.complete, _HEAR_S)

    def power_off(self) -> None:
        """Waits until an arm that was reset has no power any more: it keeps that for a while.

        Raises:
            NotEnabled: It keeps it.
        """

        def on() -> list[str]:
            bits = self._decoder.motor_bits
            return [str(i + 1) for i in range(JOINTS) if (bits[i] or 0) & protocol.ENABLED]

        end_s = time.monotonic() + _RESET_S
        while on():
            self._check()
            if time.monotonic() > end_s:
                raise NotEnabled(
                    f"motors {', '.join(on())} still report power {_RESET_S:g} s after the reset, "
                    "which takes it; reset the arm again, or switch it off and on"
                )
            self._until(lambda: not on(), _REPEAT_S)

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
            return status is not None and in_mode(status, follow)

        end_s = time.monotonic() + _MODE_S
        while True:
            self._port.mode(follow, speed_percent)
            if self._until(entered, _REPEAT_S):
                return
            self._check()
            if time.monotonic() > end_s:
                status = self._decoder.status
                if status is not None and status.ctrl_mode == protocol.CAN_MODE:
                    raise NotEnabled(wrong_mode(status))
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
        if decoder.gripper_stroke_mm is None:
            raise NotEnabled("the arm does not tell the stroke of its gripper; enable it again")
        if decoder.gripper_stroke_mm not in (0, stroke_mm):
            raise NotEnabled(gripper_mismatch(decoder.gripper_stroke_mm, stroke_mm))
        # One that was never configured obeys nothing; what somebody has set is not overwritten.
        for _ in range(3):
            if decoder.gripper_stroke_mm == stroke_mm:
                return
            self._port.gripper_stroke(stroke_mm)
            self._port.ask_gripper_stroke()
            self._until(lambda: decoder.gripper_stroke_mm == stroke_mm, _REPEAT_S)
        if decoder.gripper_stroke_mm != stroke_mm:
            raise NotEnabled(f"the arm does not take the gripper's stroke of {stroke_mm} mm")

    def _gripper(self, effort: float) -> None:
        def well() -> bool:
            bits = self._decoder.gripper_bits or 0
            return bool(bits & protocol.ENABLED) and protocol.gripper_fault(bits) is None

        opening = self._state_q()[JOINTS]
        if not well():
            self._port.gripper(opening, effort, code=2)
        for code in (3, 1):
            self._port.gripper(opening, effort, code=code)
            if self._until(well, _GRIPPER_S):
                return
        bits = self._decoder.gripper_bits or 0
        fault = protocol.gripper_fault(bits)
        remedy = fault.remedy if fault else "check its cable, switch the arm off and on"
        text = f"the gripper cannot be enabled: {protocol.gripper_state(bits)}; {remedy}"
        raise NotEnabled(text, gripper_problem(self._port.channel, self._decoder))

    def _state_q(self) -> tuple[float, ...]:
        state = self._decoder.follower
        if state is None:
            raise NotEnabled("no feedback of the arm")
        return state.q

    def _check(self) -> None:
        problem = self._problem()
        if problem is not None:
            raise NotEnabled(problem.text, problem)

    def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        end_s = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end_s:
                return False
            if self._asleep(_POLL_S):
                raise NotEnabled("the driver is being closed")
        return True


def gripper_mismatch(told_mm: int, configured_mm: int) -> str:
    """What to say of a gripper that is not the one that hw_config names."""
    return (
        f"the arm says that its gripper opens {told_mm} mm, hw_config {configured_mm}; set "
        "gripper_stroke_m in hw_config/arms.yaml to the gripper that is mounted, or the arm's own "
        "range with the vendor's tool (0x47D): nothing here overwrites it"
    )

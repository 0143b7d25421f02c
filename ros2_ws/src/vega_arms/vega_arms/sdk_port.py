"""The SDK object and the bus of one arm: opened, closed and opened again; sends from any thread."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence

import can
from piper_sdk import C_PiperInterface_V2, LogLevel

from vega_arms import frames, protocol, sdk_adapter

STEADY, HIGH_FOLLOW = 0x00, frames.HIGH_FOLLOW
_NO_DWELL = 0

_numbers = itertools.count()


class SdkPort:
    """Sends an arm's commands through piper_sdk and hands out what comes in.

    The SDK's own threads are not used: its reader spins without rest on a bus that is down and
    never opens one again. `receive` is called by the driver's thread and `sdk.ParseCANFrame`
    decodes. Sends may come from any thread.

    Args:
        channel: The CAN interface.
        opener: Opens it.
        mount: `flat`, `left` or `right`: the side of the arm that is down. The arm is told with
            each mode, and reckons with gravity accordingly.

    Attributes:
        sdk: The SDK's object. What its getters return is alive: copy at once.
    """

    def __init__(self, channel: str, opener: sdk_adapter.Opener, mount: str = "flat") -> None:
        self.channel = channel
        self._opener = opener
        self._mount = frames.MOUNTS[mount]
        # The SDK keeps one object a name for ever, with what it last heard: each port its own name.
        self.sdk = C_PiperInterface_V2(
            f"{channel}#{next(_numbers)}",
            judge_flag=False,
            can_auto_init=False,
            logger_level=LogLevel.SILENT,
        )
        self._bus: sdk_adapter.WatchedBus | None = None
        # The SDK composes every frame in one object.
        self._sending = threading.Lock()

    def open(self) -> None:
        """Opens the bus.

        Raises:
            OSError: It cannot be opened; the text says what to do.
        """
        bus = sdk_adapter.WatchedBus(self._opener(self.channel))
        sdk_adapter.connect(self.sdk, bus)
        self._bus = bus

    def close(self) -> None:
        """Closes the bus; `open` may follow."""
        if self._bus is not None:
            self.sdk.GetCanBus().Close()
            self._bus = None

    @property
    def bus(self) -> sdk_adapter.WatchedBus | None:
        """The open bus."""
        return self._bus

    def receive(self, timeout_s: float) -> can.Message | None:
        """The next frame of somebody else; None when none came in time.

        Raises:
            can.CanError, OSError: The bus is gone.
        """
        bus = self._bus
        if bus is None:
            raise OSError(f"{self.channel}: not open")
        return bus.recv(timeout_s)

    def ask_settings(self) -> None:
        """Asks for limits, accelerations, firmware, gripper and collision settings."""
        with self._sending:
            self.sdk.PiperInit()
            self.sdk.ArmParamEnquiryAndConfig(4)
            self.sdk.ArmParamEnquiryAndConfig(2)

    def ask_gripper_stroke(self) -> None:
        """Asks which gripper the arm carries."""
        with self._sending:
            self.sdk.ArmParamEnquiryAndConfig(4)

    def gripper_stroke(self, millimetres: int) -> None:
        """Tells the arm which gripper it carries: 70 or 100 mm."""
        with self._sending:
            self.sdk.GripperTeachingPendantParamConfig(100, millimetres, 1)

    def mode(self, follow: int, speed_percent: int) -> None:
        """Joint targets over CAN from now on: `follow` is STEADY or HIGH_FOLLOW."""
        with self._sending:
            self.sdk.MotionCtrl_2(1, protocol.MOVE_J, speed_percent, follow, _NO_DWELL, self._mount)

    def joints(self, q: Sequence[float]) -> None:
        """Targets of joints 1-6, rad."""
        targets = [protocol.to_millidegrees(value) for value in q[: frames.JOINTS]]
        with self._sending:
            self.sdk.JointCtrl(*targets)

    def gripper(self, opening: float, effort: float, code: int = 1) -> None:
        """Opening (m), torque (N m); 0 off, 1 on, 2 off and clear errors, 3 on and clear."""
        with self._sending:
            self.sdk.GripperCtrl(round(max(opening, 0.0) * 1e6), round(effort * 1000), code, 0)

    def enable_motor(self, motor: int) -> None:
        """Gives one motor (1-6) power."""
        with self._sending:
            self.sdk.EnableArm(motor)

    def disable_motors(self) -> None:
        """Takes the power from all motors at once: a raised arm falls."""
        with self._sending:
            self.sdk.DisableArm(7)

    def emergency_stop(self) -> None:
        """The arm sinks slowly, and obeys nothing until it is reset."""
        with self._sending:
            self.sdk.EmergencyStop(1)

    def reset(self) -> None:
        """Clears errors and stops. The arm loses power at once: a raised arm falls."""
        with self._sending:
            self.sdk.ResetPiper()

"""What comes in from one bus: sorted out, and handed to those who put measurements together."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

import can
from piper_sdk import C_PiperInterface_V2

from vega_arms import frames, protocol
from vega_arms.frames import JOINTS
from vega_arms.measurement import ArmState, Measurement, joints, reachable
from vega_arms.protocol import Firmware, parse_firmware

_FOREIGN_FRAMES, _FOREIGN_WINDOW_S = 3, 0.1
_BUS_OFF = 0x40  # socketcan's error class
_PARTS = {
    identifier: 1 << i
    for i, identifier in enumerate((*frames.JOINT_FEEDBACK, frames.GRIPPER_FEEDBACK))
}
_TARGET_PARTS = {
    identifier: 1 << i for i, identifier in enumerate((*frames.JOINT_TARGET, frames.GRIPPER_TARGET))
}
_ALL_PARTS = 15


class FeedbackDecoder:
    """Takes the frames of a bus, one after the other, from one thread. It never raises.

    The SDK decodes positions, a leader's targets and settings. What comes most often, motor speeds
    and states, would cost it most of this thread's time and is unpacked here.

    Attributes:
        follower: Newest state of the arm that sends feedback.
        leader: Newest targets that somebody else sends: those of a leader arm.
        status: Newest status that was said twice in a row.
        motor_bits: Status byte of each motor; None before it was heard.
        gripper_bits: The gripper's; None before it was heard.
        motors: What each motor said of its driver last.
        limits: Limits of joints 1-6 that the arm has told.
        heard_s: Monotonic time of the newest frame, by what it was: `any`, `feedback`, `foreign`,
            `bus_off`; and of the newest change of any measurement, `changed`.
        dropped: Frames that were not used, by reason.
    """

    def __init__(
        self,
        sdk: C_PiperInterface_V2,
        on_follower: Callable[[ArmState], object],
        on_leader: Callable[[ArmState], object],
    ) -> None:
        self._sdk = sdk
        self._on_follower, self._on_leader = on_follower, on_leader
        self.dropped: Counter[str] = Counter()
        self.frames = 0
        self.firmware: Firmware | None = None
        self.limits: dict[int, frames.MotorLimits] = {}
        self.gripper_stroke_mm: int | None = None
        self.collision_levels: tuple[int, ...] | None = None
        self.foreign_high_follow = False
        self._readers: dict[int, Callable[[int, can.Message, float], None]] = {
            frames.STATUS: self._read_status,
            **dict.fromkeys(frames.CONTROL, self._read_foreign),
            **dict.fromkeys(frames.END_POSE, _ignore),
            **dict.fromkeys(_PARTS, self._read_position),
            **dict.fromkeys(frames.HIGH_SPEED, self._note_change),
            **dict.fromkeys(frames.LOW_SPEED, self._read_power),
        }
        self.forget()

    def forget(self) -> None:
        """Drops every measurement: the bus was gone, the arm may be another."""
        self.follower: ArmState | None = None
        self.leader: ArmState | None = None
        self.heard_s: dict[str, float] = {}
        self._parts = self._leader_parts = 0
        self.motors: dict[int, frames.LowSpeed] = {}
        self._measurement = Measurement(self._sdk)
        self.forget_power()
        self._bytes: dict[int, bytes | bytearray] = {}
        self._foreign_times_s: deque[float] = deque(maxlen=_FOREIGN_FRAMES)

    def forget_power(self) -> None:
        """Drops mode and motor states: the arm has been told to change them."""
        self.status: frames.Status | None = None
        self.motor_bits: list[int | None] = [None] * JOINTS
        self._status_before: tuple | None = None
        self._bits_before: list[int | None] = [None] * JOINTS
        self.gripper_bits: int | None = None
        self._gripper_bits_before: int | None = None

    @property
    def enabled(self) -> bool:
        """Whether every motor says that it is enabled."""
        return all(bits is not None and bits & protocol.ENABLED for bits in self.motor_bits)

    @property
    def complete(self) -> bool:
        """Whether state, status and every motor have been heard of."""
        known = self.follower is not None and self.status is not None
        return known and None not in (*self.motor_bits, self.gripper_bits)

    def take(self, message: can.Message, now_s: float) -> None:
        """Sorts out a frame that came in at `now_s` (monotonic)."""
        self.frames += 1
        identifier = message.arbitration_id
        if message.is_error_frame:
            if identifier & _BUS_OFF:
                self.heard_s["bus_off"] = now_s
            self.dropped["error_frame"] += 1
            return
        self.heard_s["any"] = now_s
        if message.is_extended_id or message.is_remote_frame or identifier > 0x7FF:
            self.dropped["foreign_format"] += 1
            return
        if len(message.data) != frames.LENGTH:
            if identifier in protocol.KINDS:
                self.dropped["truncated"] += 1
            return
        try:
            self._readers.get(identifier, self._read_setting)(identifier, message, now_s)
        except Exception:
            # Nothing that an arm says may end the thread that listens to it.
            self.dropped["undecodable"] += 1

    def _read_status(self, identifier: int, message: can.Message, now_s: float) -> None:
        self.heard_s["feedback"] = now_s
        said = frames.Status(*message.data)
        if said == self._status_before:
            self.status = said
        self._status_before = said

    def _read_power(self, identifier: int, message: can.Message, now_s: float) -> None:
        joint = identifier - frames.LOW_SPEED[0]
        said = protocol.unpack(frames.LowSpeed, message.data)
        if said.status == self._bits_before[joint]:
            self.motor_bits[joint] = said.status
        self._bits_before[joint] = said.status
        self.motors[joint] = said

    def _read_setting(self, identifier: int, message: can.Message, now_s: float) -> None:
        sdk = self._sdk
        sdk.ParseCANFrame(message)
        if identifier == frames.LIMITS_REPLY:
            # The SDK's list of all motors holds one object six times; only the newest is right.
            new = sdk.GetCurrentMotorAngleLimitMaxVel().current_motor_angle_limit_max_vel
            if 1 <= new.motor_num <= JOINTS:
                self.limits[new.motor_num] = frames.MotorLimits(
                    new.motor_num, new.max_angle_limit, new.min_angle_limit, new.max_joint_spd
                )
        elif identifier == frames.FIRMWARE:
            text = sdk.GetPiperFirmwareVersion()
            self.firmware = parse_firmware(text) if isinstance(text, str) else self.firmware
        elif identifier == frames.GRIPPER_SETUP_REPLY:
            reply = sdk.GetGripperTeachingPendantParamFeedback()
            self.gripper_stroke_mm = reply.arm_gripper_teaching_param_feedback.max_range_config
        elif identifier == frames.COLLISION_REPLY:
            told = sdk.GetCrashProtectionLevelFeedback().crash_protection_level_feedback
            self.collision_levels = tuple(
                getattr(told, f"joint_{i}_protection_level") for i in range(1, JOINTS + 1)
            )
        elif identifier not in protocol.KINDS:
            self.dropped["unknown"] += 1

    def _note_change(self, identifier: int, message: can.Message, now_s: float) -> None:
        if self._bytes.get(identifier) != message.data:
            self._bytes[identifier] = message.data
            self.heard_s["changed"] = now_s

    def _read_position(self, identifier: int, message: can.Message, now_s: float) -> None:
        self._sdk.ParseCANFrame(message)
        self.heard_s["feedback"] = now_s
        self._note_change(identifier, message, now_s)
        self._parts |= _PARTS[identifier]
        if identifier == frames.GRIPPER_FEEDBACK:
            # As with all states: what was said twice in a row is no spoilt frame.
            if message.data[6] == self._gripper_bits_before:
                self.gripper_bits = message.data[6]
            self._gripper_bits_before = message.data[6]
        # Joints come in three frames: a state is published once all of one period are there.
        if self._parts != _ALL_PARTS or not all(i in self._bytes for i in frames.HIGH_SPEED):
            return
        self._parts = 0
        speeds = [protocol.unpack(frames.HighSpeed, self._bytes[i]) for i in frames.HIGH_SPEED]
        state = self._measurement.next(speeds, self.firmware)
        if state is None:
            self.dropped["implausible"] += 1
        else:
            self.follower = state
            self._on_follower(state)

    def _read_foreign(self, identifier: int, message: can.Message, now_s: float) -> None:
        # One such frame may be noise; a leader sends hundreds a second.
        times_s = self._foreign_times_s
        times_s.append(now_s)
        if len(times_s) == _FOREIGN_FRAMES and now_s - times_s[0] < _FOREIGN_WINDOW_S:
            self.heard_s["foreign"] = now_s
        if identifier == frames.MODE:
            self.foreign_high_follow = message.data[3] == frames.HIGH_FOLLOW
        if identifier not in _TARGET_PARTS:
            return
        self._sdk.ParseCANFrame(message)
        self._leader_parts |= _TARGET_PARTS[identifier]
        if self._leader_parts != _ALL_PARTS:
            return
        self._leader_parts = 0
        heard = self._sdk.GetArmJointCtrl()
        q = joints(heard.joint_ctrl)
        opening = self._sdk.GetArmGripperCtrl().gripper_ctrl.grippers_angle * 1e-6
        if reachable(q):
            self.leader = ArmState(heard.time_stamp, (*q, opening), (), ())
            self._on_leader(self.leader)
        else:
            self.dropped["implausible"] += 1


def _ignore(identifier: int, message: can.Message, now_s: float) -> None:
    """Poses of the flange: nobody needs them, and the arm says them 600 times a second."""

"""What an arm keeps when it is switched off, and how the bus reads and changes it."""

from __future__ import annotations

from dataclasses import dataclass, field

from vega_arms import frames, protocol
from vega_arms.frames import JOINTS
from vega_arms.protocol import Frame

# A resting posture inside all limits: joints 1-6 rad, gripper m.
POSE = (0.0, 0.9, -0.9, 0.0, 0.5, 0.0, 0.04)

# 0.1 deg; the vendor's table.
_LOWEST = (-1500, 0, -1700, -1000, -700, -1200)
_HIGHEST = (1500, 1800, 0, 1000, 700, 1200)
_COLLISION_LEVELS = frames.CollisionLevels(1, 1, 1, 1, 1, 1)
_END_LIMITS = frames.EndLimits(1000, 2000, 500, 200)
_GRIPPER = frames.GripperSetup(100, 70, 1)


@dataclass
class Settings:
    """Settings of one arm, in the protocol's own units.

    Attributes:
        role: frames.FOLLOWER or frames.LEADER; survives a power cycle.
        limits: Angle and speed limits of joints 1-6.
        acceleration: Largest acceleration of joints 1-6, 0.01 rad/s^2.
        collision_levels: 0 off, 1 to 8.
        gripper: Its stroke is 0 mm until somebody has configured it; then the gripper obeys.
        firmware: As the arm would spell it.
    """

    role: int = frames.FOLLOWER
    feedback_offset: int = 0
    control_offset: int = 0
    linkage_offset: int = 0
    limits: list[frames.MotorLimits] = field(
        default_factory=lambda: [
            frames.MotorLimits(i + 1, high, low, 3000)
            for i, (low, high) in enumerate(zip(_LOWEST, _HIGHEST))
        ]
    )
    acceleration: list[int] = field(default_factory=lambda: [500] * JOINTS)
    collision_levels: frames.CollisionLevels = _COLLISION_LEVELS
    end_limits: frames.EndLimits = _END_LIMITS
    gripper: frames.GripperSetup = _GRIPPER
    firmware: str = "S-V1.8-8"

    def firmware_frames(self) -> list[Frame]:
        """The eleven frames that describe hardware, software and build."""
        text = bytearray(b"\0" * 88)
        for start, part in ((0, "H-V1.2-1"), (60, self.firmware), (68, "2026-03-02")):
            text[start : start + len(part)] = part.encode("ascii")
        return [
            protocol.encode(frames.FIRMWARE, frames.Text(bytes(text[i : i + 8])))
            for i in range(0, 88, 8)
        ]


class Configuration:
    """Answers what the bus asks about the settings of one arm, and changes them as it says."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._handlers = {
            frames.ROLE: self._role,
            frames.QUERY_MOTOR: self._query_motor,
            frames.SET_LIMITS: self._set_limits,
            frames.SET_JOINT: self._set_joint,
            frames.QUERY: self._query,
            frames.SET_END_LIMITS: self._set_end_limits,
            frames.SET_COLLISION: self._set_collision,
            frames.SET_GRIPPER: self._set_gripper,
            frames.FIRMWARE: self._firmware,
        }

    def receive(self, identifier: int, frame: tuple) -> list[Frame]:
        """The replies to a frame; none to a frame that is not about settings."""
        handler = self._handlers.get(identifier)
        return [] if handler is None else handler(frame)

    def _role(self, frame: tuple) -> list[Frame]:
        role, feedback, control, linkage = frame
        settings = self.settings
        if role in (frames.LEADER, frames.FOLLOWER):
            settings.role = role
        settings.feedback_offset, settings.control_offset = feedback & 0x30, control & 0x30
        settings.linkage_offset = linkage & 0x30
        return []

    def _query_motor(self, frame: tuple) -> list[Frame]:
        motor, what = frame
        if not 1 <= motor <= JOINTS:
            return []
        if what == 1:
            return [protocol.encode(frames.LIMITS_REPLY, self.settings.limits[motor - 1])]
        if what == 2:
            reply = frames.MotorAcceleration(motor, self.settings.acceleration[motor - 1])
            return [protocol.encode(frames.ACCELERATION_REPLY, reply)]
        return []

    def _set_limits(self, frame: tuple) -> list[Frame]:
        motor, *values = frame
        if 1 <= motor <= JOINTS:
            old = self.settings.limits[motor - 1]
            kept = (o if v == frames.UNCHANGED else v for o, v in zip(old[1:], values))
            self.settings.limits[motor - 1] = frames.MotorLimits(motor, *kept)
        return _ack(frames.SET_LIMITS)

    def _set_joint(self, frame: tuple) -> list[Frame]:
        new = frames.SetJoint(*frame)
        if new.acceleration_valid == frames.CONFIRM and new.acceleration != frames.UNCHANGED:
            for motor in range(1, JOINTS + 1):
                if new.motor in (motor, *frames.ALL_MOTORS):
                    self.settings.acceleration[motor - 1] = new.acceleration
        return _ack(frames.SET_JOINT, int(new.zero == frames.CONFIRM))

    def _query(self, frame: tuple) -> list[Frame]:
        what, settings = frame[0], self.settings
        if what == 1:
            return [protocol.encode(frames.END_LIMITS_REPLY, settings.end_limits)]
        if what == 2:
            return [protocol.encode(frames.COLLISION_REPLY, settings.collision_levels)]
        if what == 4:
            return [protocol.encode(frames.GRIPPER_SETUP_REPLY, settings.gripper)]
        return _ack(frames.QUERY)

    def _set_end_limits(self, frame: tuple) -> list[Frame]:
        self.settings.end_limits = frames.EndLimits(*frame)
        return _ack(frames.SET_END_LIMITS)

    def _set_collision(self, frame: tuple) -> list[Frame]:
        self.settings.collision_levels = frames.CollisionLevels(*(min(v, 8) for v in frame))
        return _ack(frames.SET_COLLISION)

    def _set_gripper(self, frame: tuple) -> list[Frame]:
        self.settings.gripper = frames.GripperSetup(*frame)
        return []

    def _firmware(self, frame: tuple) -> list[Frame]:
        return self.settings.firmware_frames() if frame[0][:1] == b"\x01" else []


def _ack(identifier: int, zero_set: int = 0) -> list[Frame]:
    return [protocol.encode(frames.ACK, frames.Ack(identifier & 0xFF, zero_set))]

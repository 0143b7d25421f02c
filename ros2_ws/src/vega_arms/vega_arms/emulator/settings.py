"""What an arm keeps when it is switched off."""

from __future__ import annotations

from dataclasses import dataclass, field

from vega_arms import frames, protocol

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
    acceleration: list[int] = field(default_factory=lambda: [500] * frames.JOINTS)
    collision_levels: frames.CollisionLevels = _COLLISION_LEVELS
    end_limits: frames.EndLimits = _END_LIMITS
    gripper: frames.GripperSetup = _GRIPPER
    firmware: str = "S-V1.8-8"

    def firmware_frames(self) -> list[protocol.Frame]:
        """The eleven frames that describe hardware, software and build."""
        text = bytearray(b"\0" * 88)
        for start, part in ((0, "H-V1.2-1"), (60, self.firmware), (68, "2026-03-02")):
            text[start : start + len(part)] = part.encode("ascii")
        return [
            protocol.encode(frames.FIRMWARE, frames.Text(bytes(text[i : i + 8])))
            for i in range(0, 88, 8)
        ]

"""The Piper arm's CAN protocol: identifiers, and every frame as a named tuple; see `protocol`.

Classic CAN, 11-bit identifiers, eight bytes, big-endian. Units are the arm's own: 0.001 deg,
0.001 mm, 0.001 N m, 0.001 rad/s, 0.001 A; the rest of the stack never sees them.
"""

from __future__ import annotations

from typing import NamedTuple

LENGTH = 8
JOINTS = 6

STATUS = 0x2A1
END_POSE = (0x2A2, 0x2A3, 0x2A4)
JOINT_FEEDBACK = (0x2A5, 0x2A6, 0x2A7)
GRIPPER_FEEDBACK = 0x2A8
HIGH_SPEED = tuple(range(0x251, 0x257))
LOW_SPEED = tuple(range(0x261, 0x267))
LIMITS_REPLY = 0x473
ACK = 0x476
END_LIMITS_REPLY = 0x478
COLLISION_REPLY = 0x47B
ACCELERATION_REPLY = 0x47C
GRIPPER_SETUP_REPLY = 0x47E

MOTION = 0x150
MODE = 0x151
CARTESIAN = (0x152, 0x153, 0x154)
JOINT_TARGET = (0x155, 0x156, 0x157)
ARC_POINT = 0x158
GRIPPER_TARGET = 0x159
MIT_TARGET = tuple(range(0x15A, 0x160))
LEADER_HOME = 0x191
ROLE = 0x470
ENABLE = 0x471
QUERY_MOTOR = 0x472
SET_LIMITS = 0x474
SET_JOINT = 0x475
QUERY = 0x477
SET_END_LIMITS = 0x479
SET_COLLISION = 0x47A
SET_GRIPPER = 0x47D
FIRMWARE = 0x4AF
LEADER_HEARTBEAT = 0x190

UNCHANGED = 0x7FFF
CONFIRM = 0xAE
HIGH_FOLLOW = 0xAD
MOUNTS = {"flat": 1, "left": 2, "right": 3}
LEADER, FOLLOWER = 0xFA, 0xFC
ALL_MOTORS = (7, 0xFF)

CONTROL = frozenset((MOTION, MODE, *CARTESIAN, *JOINT_TARGET, GRIPPER_TARGET, *MIT_TARGET))
"""Frames by which somebody moves an arm."""
FEEDBACK = frozenset((STATUS, *END_POSE, *JOINT_FEEDBACK, GRIPPER_FEEDBACK, *HIGH_SPEED))
"""Frames that an arm in follower role sends 200 times a second."""


class Status(NamedTuple):
    """State of the arm, 200 Hz; its codes are in `protocol`."""

    ctrl_mode: int = 0
    arm_status: int = 0
    mode_feed: int = 0
    teach_status: int = 0
    motion_status: int = 0
    trajectory: int = 0
    angle_limit_bits: int = 0
    comm_error_bits: int = 0


class Pair(NamedTuple):
    """Two joints (0.001 deg) or two coordinates (0.001 mm, 0.001 deg)."""

    first: int = 0
    second: int = 0


class GripperFeedback(NamedTuple):
    """Opening (0.001 mm), torque (0.001 N m) and status bits of the gripper."""

    stroke: int = 0
    effort: int = 0
    status: int = 0


class HighSpeed(NamedTuple):
    """One motor, 200 Hz: 0.001 rad/s, 0.001 A, 0.001 rad."""

    speed: int = 0
    current: int = 0
    position: int = 0


class LowSpeed(NamedTuple):
    """One motor's driver, 40 Hz: 0.1 V, deg C, status bits, 0.001 A."""

    voltage: int = 0
    driver_temperature: int = 0
    motor_temperature: int = 0
    status: int = 0
    bus_current: int = 0


class MotorLimits(NamedTuple):
    """Limits of a motor (0.1 deg, 0.001 rad/s), as replied and as set."""

    motor: int = 0
    max_angle: int = 0
    min_angle: int = 0
    max_speed: int = 0


class MotorAcceleration(NamedTuple):
    """Largest acceleration of a motor, 0.01 rad/s^2."""

    motor: int = 0
    max_acceleration: int = 0


class Ack(NamedTuple):
    """The arm took a setting: last byte of its identifier, and whether a zero was set."""

    instruction: int = 0
    zero_set: int = 0


class EndLimits(NamedTuple):
    """Velocity and acceleration limits of the flange."""

    linear_velocity: int = 0
    angular_velocity: int = 0
    linear_acceleration: int = 0
    angular_acceleration: int = 0


class CollisionLevels(NamedTuple):
    """Collision protection of each joint: 0 off, 1 to 8 with a rising threshold."""

    joint1: int = 0
    joint2: int = 0
    joint3: int = 0
    joint4: int = 0
    joint5: int = 0
    joint6: int = 0


class GripperSetup(NamedTuple):
    """Teaching range (%), largest opening (mm: 70 or 100), teaching friction."""

    teaching_range: int = 100
    stroke_mm: int = 0
    friction: int = 1


class Motion(NamedTuple):
    """Emergency stop (1) and reset (2); trajectory and drag-teach commands."""

    stop: int = 0
    trajectory: int = 0
    teach: int = 0


class Mode(NamedTuple):
    """Who commands (1: CAN), how it moves (1: joints), speed in %, 0xAD: high-follow, `MOUNTS`."""

    ctrl_mode: int = 0
    move: int = 0
    speed: int = 0
    follow: int = 0
    dwell: int = 0
    mount: int = 0


class GripperTarget(NamedTuple):
    """Opening (0.001 mm), torque (0.001 N m), 0 off 1 on 2 off+clear 3 on+clear, 0xAE: set zero."""

    stroke: int = 0
    effort: int = 0
    code: int = 0
    zero: int = 0


class Role(NamedTuple):
    """0xFA leader, 0xFC follower, and offsets of the identifiers it uses."""

    role: int = 0
    feedback_offset: int = 0
    control_offset: int = 0
    linkage_offset: int = 0


class Enable(NamedTuple):
    """Motor (7 or 0xFF: all) and 1 disable, 2 enable."""

    motor: int = 0
    action: int = 0


class QueryMotor(NamedTuple):
    """Motor and 1 limits, 2 acceleration."""

    motor: int = 0
    what: int = 0


class SetJoint(NamedTuple):
    """Zero here (0xAE), acceleration valid (0xAE), 0.01 rad/s^2, clear errors (0xAE)."""

    motor: int = 0
    zero: int = 0
    acceleration_valid: int = 0
    acceleration: int = 0
    clear_error: int = 0


class Query(NamedTuple):
    """Asks for settings: 1 flange limits, 2 collision levels, 4 gripper; 2nd byte resets them."""

    what: int = 0
    reset: int = 0
    periodic: int = 0
    load_valid: int = 0
    load: int = 0


class Byte(NamedTuple):
    """A frame whose first bytes alone matter: arc point, leader home, heartbeat."""

    first: int = 0
    second: int = 0
    third: int = 0


class Text(NamedTuple):
    """Eight bytes of the firmware's description."""

    text: bytes = b""

"""The Piper arm's protocol: frames to bytes and back, what its codes mean, firmware versions.

`frames` lists the identifiers and what each carries.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from vega_arms import frames

_Kind = TypeVar("_Kind", bound=tuple)

Frame = tuple[int, bytes]
"""Identifier and eight bytes."""

# Layout of every kind of frame; `x` is a byte without meaning.
_FORMATS: dict[type, str] = {
    frames.Status: ">8B",
    frames.Pair: ">2i",
    frames.GripperFeedback: ">ihBx",
    frames.HighSpeed: ">hhi",
    frames.LowSpeed: ">HhbBH",
    frames.MotorLimits: ">BhhHx",
    frames.MotorAcceleration: ">BH5x",
    frames.Ack: ">BB6x",
    frames.EndLimits: ">4H",
    frames.CollisionLevels: ">6B2x",
    frames.GripperSetup: ">3B5x",
    frames.Motion: ">3B5x",
    frames.Mode: ">6B2x",
    frames.GripperTarget: ">iHBB",
    frames.Role: ">4B4x",
    frames.Enable: ">BB6x",
    frames.QueryMotor: ">BB6x",
    frames.SetJoint: ">BBBHB2x",
    frames.Query: ">5B3x",
    frames.Byte: ">3B5x",
    frames.Text: ">8s",
}
_LAYOUTS = {kind: struct.Struct(text) for kind, text in _FORMATS.items()}
_RANGES = {"b": (-128, 127), "B": (0, 255), "h": (-(2**15), 2**15 - 1), "H": (0, 2**16 - 1)}
_RANGES["i"] = (-(2**31), 2**31 - 1)


def _table() -> dict[int, type]:
    rows: list[tuple[type, Iterable[int]]] = [
        (frames.Status, (frames.STATUS,)),
        (
            frames.Pair,
            (*frames.END_POSE, *frames.JOINT_FEEDBACK, *frames.CARTESIAN, *frames.JOINT_TARGET),
        ),
        (frames.GripperFeedback, (frames.GRIPPER_FEEDBACK,)),
        (frames.HighSpeed, frames.HIGH_SPEED),
        (frames.LowSpeed, frames.LOW_SPEED),
        (frames.MotorLimits, (frames.LIMITS_REPLY, frames.SET_LIMITS)),
        (frames.MotorAcceleration, (frames.ACCELERATION_REPLY,)),
        (frames.Ack, (frames.ACK,)),
        (frames.EndLimits, (frames.END_LIMITS_REPLY, frames.SET_END_LIMITS)),
        (frames.CollisionLevels, (frames.COLLISION_REPLY, frames.SET_COLLISION)),
        (frames.GripperSetup, (frames.GRIPPER_SETUP_REPLY, frames.SET_GRIPPER)),
        (frames.Motion, (frames.MOTION,)),
        (frames.Mode, (frames.MODE,)),
        (frames.GripperTarget, (frames.GRIPPER_TARGET,)),
        (frames.Role, (frames.ROLE,)),
        (frames.Enable, (frames.ENABLE,)),
        (frames.QueryMotor, (frames.QUERY_MOTOR,)),
        (frames.SetJoint, (frames.SET_JOINT,)),
        (frames.Query, (frames.QUERY,)),
        (frames.Byte, (frames.ARC_POINT, frames.LEADER_HOME, frames.LEADER_HEARTBEAT)),
        (frames.Text, (frames.FIRMWARE,)),
    ]
    return {identifier: kind for kind, identifiers in rows for identifier in identifiers}


KINDS: dict[int, type] = _table()
"""What each identifier carries. MIT targets are packed by the bit and not decoded."""


def decode(identifier: int, data: bytes | bytearray) -> tuple | None:
    """The frame as its named tuple; None when the identifier is unknown or the frame truncated."""
    kind = KINDS.get(identifier)
    if kind is None or len(data) != frames.LENGTH:
        return None
    return unpack(kind, data)


def unpack(kind: type[_Kind], data: bytes | bytearray) -> _Kind:
    """Eight bytes as a frame of this kind."""
    return kind._make(_LAYOUTS[kind].unpack(data))  # type: ignore[attr-defined]


def encode(identifier: int, frame: tuple) -> Frame:
    """Identifier and bytes of a frame; a number that its field cannot hold becomes the nearest.

    Raises:
        ValueError: The identifier carries another kind of frame.
    """
    kind = type(frame)
    if KINDS.get(identifier) is not kind:
        raise ValueError(f"0x{identifier:03X} does not carry {kind.__name__}")
    layout = _LAYOUTS[kind]
    try:
        return identifier, layout.pack(*frame)
    except struct.error:
        return identifier, layout.pack(*_saturated(kind, frame))


def _saturated(kind: type, frame: tuple) -> list:
    codes: list[str] = []
    count = ""
    for char in _FORMATS[kind][1:]:
        if char.isdigit():
            count += char
            continue
        if char != "x":
            codes += [char] * (int(count) if count and char != "s" else 1)
        count = ""
    return [
        value if code == "s" else min(max(int(value), _RANGES[code][0]), _RANGES[code][1])
        for code, value in zip(codes, frame)
    ]


def joint_pairs(identifiers: tuple[int, ...], millidegrees: Iterable[int]) -> list[Frame]:
    """Three frames of six joints: feedback or targets, by the identifiers given."""
    q = list(millidegrees)
    return [
        (identifier, _LAYOUTS[frames.Pair].pack(q[2 * i], q[2 * i + 1]))
        for i, identifier in enumerate(identifiers)
    ]


def to_millidegrees(radians: float) -> int:
    """rad to 0.001 deg."""
    return round(math.degrees(radians) * 1000.0)


def from_millidegrees(millidegrees: int) -> float:
    """0.001 deg to rad."""
    return math.radians(millidegrees * 0.001)


# What the arm's codes mean, with what to do where there is something.

CTRL_MODES = {
    0: "standby",
    1: "commanded over CAN",
    2: "teach mode: press the teach button to leave it",
    3: "commanded over Ethernet",
    4: "commanded over Wi-Fi",
    5: "commanded by a remote",
    6: "leader (teaching input arm)",
    7: "offline trajectory",
}
CAN_MODE, TEACH_MODE, LEADER_MODE = 1, 2, 6

ARM_STATUS = {
    0x0: "normal",
    0x1: "emergency stop: hold the arm, then reset it (it loses power and drops)",
    0x2: "no inverse-kinematics solution for the target",
    0x3: "singular posture",
    0x4: "target beyond a joint's limit",
    0x5: "a joint does not communicate",
    0x6: "a brake is not released: switch the arm off and on",
    0x7: "collision protection tripped: hold the arm, then reset it (it loses power and drops)",
    0x8: "overspeed while being taught",
    0x9: "joint fault: hold the arm, then reset it (it loses power and drops)",
    0xA: "other fault: hold the arm, then reset it (it loses power and drops)",
    0xB: "recording a taught motion",
    0xC: "playing a taught motion",
    0xD: "taught motion paused",
    0xE: "controller too hot: let it cool",
    0xF: "bleed resistor too hot: let it cool",
}
EMERGENCY_STOP, COLLISION = 0x1, 0x7
STOPPING = frozenset((0x1, 0x6, 0x7, 0x9, 0xA, 0xE, 0xF))
"""Codes with which the arm cannot be relied on to follow; the driver stops commanding it."""

MOVES = {0: "MOVE P", 1: "MOVE J", 2: "MOVE L", 3: "MOVE C", 4: "MIT", 5: "CPV", 6: "MIT"}
MOVE_J, MIT = 1, frozenset((4, 6))
TEACH_STATES = {
    0: "off",
    1: "recording",
    2: "recording ended",
    3: "playing",
    4: "paused",
    5: "resumed",
    6: "ended",
    7: "moving to the start",
}

ENABLED = 1 << 6
HOMED = 1 << 7
NEVER_ZEROED = (
    "the gripper was never zeroed, so its opening may be wrong",
    "close it, then zero it with the vendor's tool (0x159, 0xAE)",
)
"""What to say of a gripper without `HOMED`, and what to do."""


class MotorFault(NamedTuple):
    """What a bit of a motor's status byte says, and what a person does about it."""

    text: str
    remedy: str


_COMMON_FAULTS = {
    1 << 0: MotorFault("voltage too low", "check the power supply and its cable"),
    1 << 1: MotorFault("motor too hot", "let it cool"),
    1 << 2: MotorFault("overcurrent", "free it of what blocks it"),
    1 << 3: MotorFault("driver too hot", "let it cool"),
    1 << 5: MotorFault("driver error", "switch the arm off and on"),
}
_MOTOR_FAULTS = {
    **_COMMON_FAULTS,
    1 << 4: MotorFault("collision protection tripped", "free it of what it ran into"),
    1 << 7: MotorFault("stalled", "free it of what blocks it"),
}
_GRIPPER_FAULTS = {
    **_COMMON_FAULTS,
    1 << 4: MotorFault("sensor error", "check the cable from arm to gripper"),
}


def code_name(table: dict[int, str], code: int) -> str:
    """The words of a code; a code that no table of this firmware knows is shown as it came."""
    return table.get(code, f"unknown code 0x{code:02X}")


def motor_state(bits: int) -> str:
    """A motor's status byte for people."""
    return _words(bits, _MOTOR_FAULTS, "enabled" if bits & ENABLED else "disabled")


def motor_fault(bits: int) -> MotorFault | None:
    """What is wrong with a motor of the arm, and all that is done about it."""
    way_back = "hold the arm, reset it (it loses power and drops), and enable it"
    return _fault(bits, _MOTOR_FAULTS, way_back)


def gripper_fault(bits: int) -> MotorFault | None:
    """What is wrong with the gripper's motor, and all that is done about it."""
    return _fault(bits, _GRIPPER_FAULTS, "enable the arm, which clears the error")


def gripper_state(bits: int) -> str:
    """The gripper's status byte for people."""
    state = "enabled" if bits & ENABLED else "disabled"
    return _words(bits, _GRIPPER_FAULTS, state if bits & HOMED else f"{state}, not zeroed")


def joints_set(bits: int) -> str:
    """The joints whose bits are set: `joint 1, joint 4`."""
    return ", ".join(f"joint {i + 1}" for i in range(6) if bits & (1 << i))


def _fault(bits: int, faults: dict[int, MotorFault], way_back: str) -> MotorFault | None:
    found = [fault for bit, fault in faults.items() if bits & bit]
    if not found:
        return None
    remedies = dict.fromkeys(fault.remedy for fault in found)
    text = ", ".join(fault.text for fault in found)
    return MotorFault(text, f"{', '.join(remedies)}; then {way_back}")


def _words(bits: int, faults: dict[int, MotorFault], state: str) -> str:
    return ", ".join([state, *(fault.text for bit, fault in faults.items() if bits & bit)])


_VERSION = re.compile(r"S-V(\d+)\.(\d+)-(\d+)")
_OLD_EFFORT_SCALE = (1, 8, 2)


class Firmware(NamedTuple):
    """A version such as S-V1.8-8."""

    text: str
    number: tuple[int, int, int]

    @property
    def effort_factors(self) -> tuple[float, ...]:
        """What the SDK's efforts of joints 1-6 are multiplied by: old firmware says a quarter."""
        old = self.number <= _OLD_EFFORT_SCALE
        return (4.0,) * 3 + (1.0,) * 3 if old else (1.0,) * 6


def parse_firmware(text: str) -> Firmware | None:
    """The version in the arm's description; None when there is none."""
    match = _VERSION.search(text)
    if match is None:
        return None
    major, minor, patch = (int(part) for part in match.groups())
    return Firmware(match[0], (major, minor, patch))

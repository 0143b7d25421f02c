"""What is found out about a CAN bus and the arm on it, and checks of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vega_arms import frames, protocol
from vega_arms.frames import MotorLimits, Status
from vega_arms.limits import reconcile
from vega_core.findings import Finding, fail, ok, skip, warn

_HIGH_LOAD, _FULL_LOAD = 0.7, 0.9
_RATE_TOLERANCE = 0.1
_OLDEST_FIRMWARE = (1, 5, 2)  # before it, the arm speaks another protocol
_OFFSET_STATUS = (0x2B1, 0x2C1)  # feedback moved aside by 0x470
_NEW_LEADERS = range(0x3A1, 0x3A9)
_CLOCK_S = 0.3
_OUTSIDE = math.radians(6.0)
_NAMING = "name the adapters by USB socket: python -m hw_config.naming"

BIT_RATE = 1_000_000
_BITS_A_FRAME = 120


@dataclass(frozen=True)
class CanInterface:
    """What Linux says about a CAN interface.

    Attributes:
        exists: There is one of this name.
        up: It is up.
        bit_rate: Bits a second, None where it is not told.
        bus_state: As ERROR-ACTIVE or BUS-OFF, empty where it is not told.
        restart_ms: After which it leaves bus-off by itself; 0 never, None where it is not told.
        driver: Of the kernel.
        others: CAN interfaces of this machine.
        supported: The kernel knows CAN.
    """

    exists: bool
    up: bool = False
    bit_rate: int | None = None
    bus_state: str = ""
    restart_ms: int | None = None
    driver: str = ""
    others: tuple[str, ...] = ()
    supported: bool = True


@dataclass(frozen=True)
class Heard:
    """What came in on a bus.

    Attributes:
        seconds: How long it was listened to.
        counts: Frames by identifier.
        error_frames: Frames by which the controller reports errors.
        bus_off: One of them says that the bus is off.
    """

    seconds: float
    counts: Mapping[int, int] = field(default_factory=dict)
    error_frames: int = 0
    bus_off: bool = False

    def hz(self, identifier: int) -> float:
        """Rate of a frame."""
        return self.counts.get(identifier, 0) / self.seconds

    @property
    def load(self) -> float:
        """Share of the bus that is used, 0 to 1."""
        return sum(self.counts.values()) * _BITS_A_FRAME / (BIT_RATE * self.seconds)


@dataclass(frozen=True)
class ArmFacts:
    """What the follower on a bus says of itself; None where it said nothing.

    Attributes:
        q: Joints 1-6 rad, gripper m.
        age_s: Of its newest feedback by this computer's clock.
    """

    status: Status | None = None
    motor_bits: Sequence[int | None] = (None,) * frames.JOINTS
    firmware: str | None = None
    limits: Mapping[int, MotorLimits] = field(default_factory=dict)
    gripper_stroke_mm: int | None = None
    gripper_bits: int | None = None
    q: Sequence[float] | None = None
    age_s: float | None = None


def interface(channel: str, found: CanInterface) -> Finding:
    """Exists, is up, has the arms' bit rate, is not bus-off and would come back from it."""
    check = f"{channel}: interface"
    up = f"sudo ip link set {channel} up type can bitrate {BIT_RATE} restart-ms 100"
    if not found.supported:
        return fail(
            check,
            "this kernel has no CAN",
            "sudo modprobe can can_raw gs_usb; a kernel without these modules cannot drive the "
            "arms. Without a robot: --robot emulated, or --robot sim",
        )
    if not found.exists:
        there = ", ".join(found.others) or "none"
        remedy = _NAMING if found.others else f"plug the USB-CAN adapter in, then {_NAMING}"
        return fail(check, f"there is none of this name; CAN interfaces here: {there}", remedy)
    if not found.up:
        return fail(check, "it is down", up)
    if found.bus_state == "BUS-OFF":
        again = f"sudo ip link set {channel} down; {up}"
        return fail(check, "bus-off", f"check cable, termination and bit rate, then {again}")
    if found.bit_rate not in (None, BIT_RATE):
        again = f"sudo ip link set {channel} down; {up}"
        return fail(check, f"bit rate {found.bit_rate}, the arms speak {BIT_RATE}", again)
    text = f"up, {found.driver or 'unknown driver'}, {found.bus_state or 'state unknown'}"
    if found.driver == "mttcan":
        return warn(check, f"{text}: a controller on the board, not the USB adapter", _NAMING)
    if found.bus_state in ("ERROR-WARNING", "ERROR-PASSIVE"):
        return warn(check, text, "the bus has errors: check cable and termination (120 ohm)")
    if found.restart_ms == 0:
        return warn(
            check,
            f"{text}, does not leave bus-off by itself",
            f"sudo ip link set {channel} down; {up}",
        )
    return ok(check, text)


def traffic(channel: str, heard: Heard) -> Finding:
    """Something comes in, without errors, and leaves room on the bus."""
    check = f"{channel}: bus load"
    if heard.bus_off:
        return fail(check, "bus-off", "check cable, termination (120 ohm) and bit rate")
    total = sum(heard.counts.values())
    if not total:
        return fail(
            check, "silent", "switch the arm on (follower first, then leader); check its CAN cable"
        )
    text = f"{100 * heard.load:.0f} %, {total / heard.seconds:.0f} frames/s"
    if heard.error_frames:
        return warn(
            check, f"{text}, {heard.error_frames} error frames", "check cable and termination"
        )
    if heard.load > _FULL_LOAD:
        return fail(check, text, "too many arms or programs on this bus: one bus an arm")
    if heard.load > _HIGH_LOAD:
        return warn(check, text, "who else sends? candump shows it; consider one bus an arm")
    return ok(check, text)


def follower(channel: str, heard: Heard, state_hz: float) -> Finding:
    """A follower is there, and reports as often as hw_config says."""
    check = f"{channel}: follower"
    hz = heard.hz(frames.JOINT_FEEDBACK[0])
    if not hz and _leads(heard):
        return fail(
            check,
            "control frames (0x155-0x157) but no feedback (0x2A*)",
            "the arm is in leader role, or the follower is off: switch the follower on, or give it "
            "follower role (0x470 FC) and switch it off and on",
        )
    if not hz and any(heard.hz(identifier) for identifier in _OFFSET_STATUS):
        return fail(
            check,
            "its feedback comes at 0x2B* or 0x2C*",
            "the arm was given an offset by 0x470; set it back (0x470 FC 00 00 00) and switch it "
            "off and on",
        )
    if not hz:
        return fail(check, "no feedback (0x2A*)", "switch the follower on; check its CAN cable")
    text = f"feedback at {hz:.0f} Hz"
    if hz < state_hz * (1.0 - _RATE_TOLERANCE):
        return warn(
            check, f"{text}, expected {state_hz:.0f}", "frames get lost: check cable and bus load"
        )
    return ok(check, text)


def leader(channel: str, heard: Heard, alone: bool) -> Finding:
    """Whether a leader speaks, on the follower's bus or, `alone`, on its own."""
    check = f"{channel}: leader"
    hz = heard.hz(frames.JOINT_TARGET[0])
    if any(heard.counts.get(identifier) for identifier in _NEW_LEADERS):
        return warn(
            check,
            "an arm speaks at 0x3A*, which piper_sdk does not decode",
            "its firmware is newer than this SDK; ask the vendor for the older protocol",
        )
    if alone and heard.hz(frames.JOINT_FEEDBACK[0]):
        return fail(
            check,
            "a follower is on the leader's bus",
            "swap the adapters' names (can and leader_can in hw_config/arms.yaml), or give the arm "
            "leader role (0x470 FA)",
        )
    if alone:
        if hz:
            return ok(check, f"targets at {hz:.0f} Hz")
        return warn(check, "silent", "without it nobody teaches; switch the leader on, move it")
    if not _leads(heard):
        return ok(check, "nobody else commands this arm: a policy may")
    return warn(
        check,
        f"somebody commands this arm ({hz:.0f} Hz of 0x155-0x157): ready to be taught",
        "before a policy runs, unplug the leader (or end the other program); until then the driver "
        "refuses to command the arm",
    )


def state(channel: str, arm: ArmFacts) -> Finding:
    """The follower has no fault."""
    check = f"{channel}: arm state"
    if arm.status is None:
        return fail(check, "no status (0x2A1)", "is it a Piper that is switched on?")
    status = protocol.code_name(protocol.ARM_STATUS, arm.status.arm_status)
    mode = protocol.code_name(protocol.CTRL_MODES, arm.status.ctrl_mode)
    if arm.status.arm_status in protocol.STOPPING:
        return fail(check, status, "hold the arm: a reset takes its power; then reset it")
    found = [(i + 1, protocol.motor_fault(bits or 0)) for i, bits in enumerate(arm.motor_bits)]
    faults = [(joint, fault) for joint, fault in found if fault is not None]
    if faults:
        text = "; ".join(f"joint {joint}: {fault.text}" for joint, fault in faults)
        return fail(check, text, "; ".join(dict.fromkeys(fault.remedy for _, fault in faults)))
    if arm.status.comm_error_bits:
        joints = protocol.joints_set(arm.status.comm_error_bits)
        return fail(check, f"{joints} do not answer", "check the arm's internal cable; restart it")
    if arm.status.ctrl_mode in (protocol.TEACH_MODE, protocol.LEADER_MODE):
        return fail(check, mode, "leave teach mode with the arm's button, or give follower role")
    if arm.status.arm_status:
        return warn(check, status, "it may clear itself once the arm is enabled")
    return ok(check, f"{status}, {mode}")


def version(channel: str, arm: ArmFacts) -> Finding:
    """The firmware is known to this SDK."""
    check = f"{channel}: firmware"
    if not arm.firmware:
        return warn(check, "the arm did not tell it", "switch the arm off and on; run this again")
    known = protocol.parse_firmware(arm.firmware)
    if known is None:
        return warn(check, f"unknown version {arm.firmware}", "compare with the vendor's list")
    if known.number < _OLDEST_FIRMWARE:
        return fail(
            check,
            f"{known.text} speaks the old protocol",
            "update it to S-V1.5-2 or newer with the vendor's tool",
        )
    return ok(check, known.text)


def versions(firmwares: Mapping[str, str | None]) -> Finding | None:
    """Both arms have the same firmware; None where not both have told it."""
    if None in firmwares.values() or len(firmwares) < 2:
        return None
    told = ", ".join(f"{channel} {text}" for channel, text in firmwares.items())
    if len(set(firmwares.values())) == 1:
        return ok("arms: same firmware", told)
    return warn("arms: same firmware", told, "arms of different firmware move differently: update")


def limits(channel: str, arm: ArmFacts, lower: Sequence[float], upper: Sequence[float]) -> Finding:
    """The arm's limits agree with hw_config's, and it stands inside them."""
    check = f"{channel}: limits"
    if not arm.limits:
        return warn(check, "the arm did not tell them; hw_config's hold", "run this again")
    both = reconcile(lower, upper, arm.limits)
    if both.refusal:
        return fail(check, both.refusal, "set them anew with the vendor's tool (0x474)")
    for i, q in enumerate((arm.q or ())[: frames.JOINTS]):
        if not both.lower[i] - _OUTSIDE <= q <= both.upper[i] + _OUTSIDE:
            return fail(
                check,
                f"joint {i + 1} stands at {math.degrees(q):.1f} deg, outside its limits",
                "move it by hand while it has no power, or check its zero",
            )
    if both.notes:
        return warn(check, "; ".join(both.notes), "mend hw_config/limits.yaml, or set the arm's")
    return ok(check, "arm and hw_config agree")


def gripper(channel: str, arm: ArmFacts, stroke_m: float) -> Finding:
    """The gripper is the one that hw_config names, has no fault, and was zeroed."""
    check = f"{channel}: gripper"
    fault = protocol.gripper_fault(arm.gripper_bits or 0)
    if fault is not None:
        return fail(check, fault.text, fault.remedy)
    if arm.gripper_stroke_mm is None:
        return warn(check, "the arm did not tell its stroke", "run this again")
    if arm.gripper_stroke_mm == 0:
        return warn(
            check,
            "its stroke is not configured: it would not obey",
            "the driver configures it when it enables the arm; nothing to do",
        )
    if arm.gripper_stroke_mm != round(stroke_m * 1000):
        return fail(
            check,
            f"the arm has a stroke of {arm.gripper_stroke_mm} mm, hw_config {1000 * stroke_m:.0f}",
            "set gripper_stroke_m in hw_config/arms.yaml to the gripper that is mounted",
        )
    if arm.gripper_bits is not None and not arm.gripper_bits & protocol.HOMED:
        return warn(check, *protocol.NEVER_ZEROED)
    return ok(check, f"stroke {arm.gripper_stroke_mm} mm")


def clock(channel: str, arm: ArmFacts) -> Finding:
    """Frames are stamped by this computer's clock."""
    check = f"{channel}: stamps"
    if arm.age_s is None:
        return skip(check, "no feedback to look at")
    if abs(arm.age_s) > _CLOCK_S:
        return fail(
            check,
            f"the newest feedback is {arm.age_s:.2f} s old",
            "was the clock set just now? Is the computer overloaded? Run this again",
        )
    return ok(check, f"newest feedback {1000 * arm.age_s:.0f} ms old")


def _leads(heard: Heard) -> bool:
    return heard.hz(frames.JOINT_TARGET[0]) > 1.0

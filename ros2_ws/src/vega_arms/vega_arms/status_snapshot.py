"""What an operator should know of an arm at one moment: sentence and figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from vega_arms import protocol
from vega_arms.feedback_decoder import FeedbackDecoder
from vega_arms.limits import Reconciled
from vega_arms.sdk_adapter import WatchedBus


class StatusSnapshot(NamedTuple):
    """State of one arm and its bus.

    Attributes:
        enabled: Whether commands are executed.
        text: One sentence, with what to do where something is wrong.
        wrong: Whether something is: an arm that starts, or that nobody has enabled, is all right.
        notes: What should be mended, although the arm can be commanded.
        values: Details, by name.
    """

    enabled: bool
    text: str
    wrong: bool
    notes: tuple[str, ...]
    values: dict[str, object]


def details(
    decoder: FeedbackDecoder,
    limits: Reconciled,
    counters: Mapping[str, int],
    bus: WatchedBus | None,
) -> dict[str, object]:
    """What the arm has told of itself, what became of frames and commands; by name."""
    values: dict[str, object] = {}
    status = decoder.status
    if status is not None:
        values["ctrl_mode"] = protocol.code_name(protocol.CTRL_MODES, status.ctrl_mode)
        values["arm_status"] = protocol.code_name(protocol.ARM_STATUS, status.arm_status)
        values["move"] = protocol.code_name(protocol.MOVES, status.mode_feed)
        values["teach"] = protocol.code_name(protocol.TEACH_STATES, status.teach_status)
        values["at_angle_limit"] = protocol.joints_set(status.angle_limit_bits) or "none"
        values["not_communicating"] = protocol.joints_set(status.comm_error_bits) or "none"
    _motors(decoder, values)
    if decoder.gripper_bits is not None:
        values["gripper"] = protocol.gripper_state(decoder.gripper_bits)
    values["firmware"] = decoder.firmware.text if decoder.firmware else "not told"
    values["limits"] = limits.refusal or "; ".join(limits.notes) or "agree"
    if decoder.gripper_stroke_mm is not None:
        values["gripper_stroke_mm"] = decoder.gripper_stroke_mm
    if decoder.collision_levels is not None:
        values["collision_levels"] = ",".join(map(str, decoder.collision_levels))
    values["frames_received"] = decoder.frames
    values.update({f"dropped_{reason}": n for reason, n in sorted(decoder.dropped.items())})
    values.update(sorted(counters.items()))
    if bus is not None:
        values["frames_sent"], values["send_failures"] = bus.sent, bus.failures
    return values


def _motors(decoder: FeedbackDecoder, values: dict[str, object]) -> None:
    for joint, motor in sorted(decoder.motors.copy().items()):
        values[f"motor_{joint + 1}"] = (
            f"{protocol.motor_state(decoder.motor_bits[joint] or 0)}; {motor.voltage * 0.1:.1f} V, "
            f"motor {motor.motor_temperature} C, driver {motor.driver_temperature} C"
        )

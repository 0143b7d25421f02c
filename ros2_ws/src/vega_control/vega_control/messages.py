"""Between ROS messages and the gate's own types."""

from __future__ import annotations

import array

import numpy as np
from vega_msgs.msg import ActionChunk, ArmCommand, ArmTarget, EstopState, GateState
from vega_runtime.stamps import set_seconds, to_seconds

from vega_control.chunk import Chunk
from vega_control.estop import EmergencyStop
from vega_control.gate import Gate, Target


def to_chunk(message: ActionChunk) -> Chunk:
    """The chunk as it was sent; nothing is checked yet."""
    return Chunk(
        sequence=message.sequence,
        observed_s=to_seconds(message.header.stamp),
        deadline_s=to_seconds(message.deadline),
        dt_s=message.dt,
        names=message.names,
        steps=message.steps,
        positions=np.array(message.positions, np.float64),
    )


class CommandWriter:
    """Fills one reused message with the commands of one arm."""

    def __init__(self, names: list[str], place: slice, validity_s: float) -> None:
        self.message = ArmCommand(names=names)
        self._place = place
        self._validity_s = validity_s

    def fill(self, positions: np.ndarray, sequence: int, now_s: float) -> ArmCommand:
        """The message for positions [14] of both arms, valid from now on for `validity_s`."""
        message = self.message
        set_seconds(message.header.stamp, now_s)
        set_seconds(message.deadline, now_s + self._validity_s)
        message.sequence = sequence
        message.positions = array.array("d", positions[self._place].tobytes())
        return message


def target_message(target: Target, names: list[str], now_s: float) -> ArmTarget:
    """The control step that began, issued now."""
    message = ArmTarget(
        chunk_sequence=target.chunk_sequence,
        step=target.step,
        names=names,
        positions=array.array("d", target.positions.tobytes()),
    )
    set_seconds(message.header.stamp, target.time_s)
    set_seconds(message.issued, now_s)
    return message


def state_message(gate: Gate, now_s: float) -> GateState:
    """Mode, reason and counters."""
    counters = gate.counters
    message = GateState(
        mode=int(gate.mode),
        reason=gate.reason,
        chunks_accepted=counters.chunks_accepted,
        chunks_refused=sum(counters.refusals.values()),
        refusal_reasons=list(counters.refusals),
        refusal_counts=list(counters.refusals.values()),
        commands_sent=counters.commands_sent,
        commands_clamped=counters.commands_clamped,
        commands_blocked=counters.commands_blocked,
        holds=counters.holds,
        estops=counters.estops,
    )
    set_seconds(message.header.stamp, now_s)
    return message


def estop_message(estop: EmergencyStop, now_s: float) -> EstopState:
    """Whether it is latched, and the way back."""
    message = EstopState(
        active=estop.active,
        level=int(estop.level or 0),
        by=estop.by if estop.active else "",
        text=estop.text,
        steps=estop.steps(),
    )
    set_seconds(message.header.stamp, now_s)
    return message


def gate_values(gate: Gate) -> dict[str, object]:
    """The counters as diagnostics show them."""
    counters = gate.counters
    return {
        "chunks_accepted": counters.chunks_accepted,
        **{f"refused_{reason}": count for reason, count in counters.refusals.items()},
        "commands_sent": counters.commands_sent,
        "commands_clamped": counters.commands_clamped,
        "commands_blocked": counters.commands_blocked,
        "holds": counters.holds,
        "estops": counters.estops,
    }

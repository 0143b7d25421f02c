"""The type of a failed trial, by rules, from the failure signals that the twin gathered.

Types I to III are those of the paper; the other four name what a session also has to tell apart.
`failure_type` asks for one after the other, in the order in which a person would rule them out:
what stopped the trial from outside, then what broke it, then what it lacked.
"""

from __future__ import annotations

from dataclasses import dataclass

from vega_sim.failure_signals import FailureSignals

from vega_eval.trials.record import FailureType


@dataclass(frozen=True)
class Rules:
    """Where the rules draw their lines.

    Attributes:
        table_contact_s: arms may press on the table for so long, altogether. The scripted operator
            never does; an arm that is sent below the table does for as long as it stays there.
        blocked_commands: so many commands to an arm may be braked by the gate because the way led
            out of the workspace. At 200 commands a second this is the time of `table_contact_s`.
            Where the table is as high as hw_config says, the scripted operator needs none.
        stalled_s: an arm that has not got on for so long does not any more. The scripted operator
            pauses for 3.0 s at most in episodes that it solves.
    """

    table_contact_s: float = 0.5
    blocked_commands: int = 100
    stalled_s: float = 4.0


def failure_type(
    signals: FailureSignals,
    *,
    estopped: bool = False,
    comms_lost: bool = False,
    blocked_by_workspace: int = 0,
    rules: Rules = Rules(),
) -> FailureType:
    """The type of a trial that ended without success.

    Args:
        signals: what had happened when it ended.
        estopped: somebody, or something, pressed the emergency stop.
        comms_lost: it ended because data of a camera, an arm or the policy did not come.
        blocked_by_workspace: commands that the gate braked because they led out of the workspace.
        rules: the thresholds.
    """
    if estopped:
        return FailureType.ESTOP
    if comms_lost:
        return FailureType.COMMS
    if (
        signals.table_contact_s > rules.table_contact_s
        or blocked_by_workspace > rules.blocked_commands
    ):
        return FailureType.WORKSPACE
    if signals.lost:
        return FailureType.DROP
    if signals.released_at_target:
        return FailureType.PLACEMENT
    if signals.stalled_s < rules.stalled_s:
        return FailureType.TIMEOUT
    # What was taken and is not lost is held and goes nowhere, or lies so that it does not count.
    return FailureType.PLACEMENT if signals.ever_held else FailureType.LOCALISATION

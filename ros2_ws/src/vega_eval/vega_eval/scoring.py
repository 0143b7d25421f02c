"""The type of a failed trial, by the rules of the failure types, from what was seen of it.

Rules are asked in the order in which a person would rule types out: what stopped the trial from
outside, then what broke it, then what it lacked.
"""

from __future__ import annotations

from vega_eval.failure_types import FAILURE_TYPES, Evidence, FailureType, Rules, Signals

_RULES = Rules()


def failure_type(
    signals: Signals,
    *,
    estopped: bool = False,
    comms_lost: bool = False,
    blocked_by_workspace: int = 0,
    rules: Rules = _RULES,
) -> FailureType:
    """The type of a trial that ended without success; see `Evidence` for what is given."""
    evidence = Evidence(signals, estopped, comms_lost, blocked_by_workspace, rules)
    by_priority = sorted((kind for _, kind in FAILURE_TYPES.items()), key=lambda k: k.priority)
    return next(kind for kind in by_priority if kind.rule is not None and kind.rule(evidence))

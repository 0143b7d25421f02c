"""Type II of the paper: taken, and not brought to its place."""

from vega_eval.failure_types.failure_type import Evidence, FailureType, register


def _rule(evidence: Evidence) -> bool:
    signals = evidence.signals
    # What was taken and is not lost is held and goes nowhere, or lies so that it does not count.
    return signals.released_at_target or (evidence.stalled and signals.ever_held)


PLACEMENT = register(
    FailureType(
        value="II",
        title="type II",
        meaning="grasp and placement: it was taken, but did not come to its place",
        key="2",
        prompt="grasp (II)",
        colours=("#d4d9e0", "#20262e"),
        position=20,
        priority=50,
        rule=_rule,
    )
)

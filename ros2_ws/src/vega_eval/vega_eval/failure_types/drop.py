"""Something was lost on the way."""

from vega_eval.failure_types.failure_type import FailureType, register

DROP = register(
    FailureType(
        value="drop",
        title="drop",
        meaning="drop: it got away from the hand on the way",
        key="d",
        prompt="dropped",
        colours=("#e0b04a", "#20262e"),
        position=50,
        priority=40,
        rule=lambda evidence: evidence.signals.lost,
    )
)

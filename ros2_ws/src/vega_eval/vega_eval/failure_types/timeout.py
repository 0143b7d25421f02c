"""Too slow: nothing had gone wrong yet."""

from vega_eval.failure_types.failure_type import FailureType, register

TIMEOUT = register(
    FailureType(
        value="timeout",
        title="timeout",
        meaning="time limit: the arms were still getting on when time ran out",
        key="t",
        prompt="time ran out",
        colours=("#f6e3b4", "#20262e"),
        position=40,
        priority=60,
        rule=lambda evidence: not evidence.stalled,
    )
)

"""The emergency stop: it ends a trial from outside, so it counts before anything else."""

from vega_eval.failure_types.failure_type import FailureType, register

ESTOP = register(
    FailureType(
        value="estop",
        title="e-stop",
        meaning="emergency stop",
        key="e",
        prompt="e-stop",
        colours=("#b3261e", "#fff"),
        position=60,
        priority=10,
        rule=lambda evidence: evidence.estopped,
    )
)

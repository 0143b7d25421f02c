"""Data that did not come: no doing of the policy."""

from vega_eval.failure_types.failure_type import FailureType, register

COMMS = register(
    FailureType(
        value="comms",
        title="comms",
        meaning="communication: cameras, arms or policy fell silent",
        key="c",
        prompt="comms",
        colours=("#5c3a7a", "#fff"),
        position=70,
        priority=20,
        rule=lambda evidence: evidence.comms_lost,
    )
)

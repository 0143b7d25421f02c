"""Type I of the paper: what all other rules leave."""

from vega_eval.failure_types.failure_type import FailureType, register

LOCALISATION = register(
    FailureType(
        value="I",
        title="type I",
        meaning="spatial localisation: the hand did not find what to take or push",
        key="1",
        prompt="wrong place (I)",
        colours=("#f7f7f7", "#20262e"),
        position=10,
        priority=70,
        rule=lambda _: True,
    )
)

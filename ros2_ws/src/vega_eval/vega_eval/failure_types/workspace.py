"""Type III of the paper: an arm met the boundary of its workspace."""

from vega_eval.failure_types.failure_type import Evidence, FailureType, register


def _rule(evidence: Evidence) -> bool:
    rules = evidence.rules
    pressed = evidence.signals.table_contact_s > rules.table_contact_s
    return pressed or evidence.blocked_by_workspace > rules.blocked_commands


WORKSPACE = register(
    FailureType(
        value="III",
        title="type III",
        meaning="workspace boundary: an arm pressed on the table, or was kept from it",
        key="3",
        prompt="touched the table (III)",
        colours=("#9aa5b3", "#20262e"),
        position=30,
        priority=30,
        rule=_rule,
    )
)

"""What the launch file of an episode decides before anything starts."""

from __future__ import annotations

from collections.abc import Sequence

from launch import Action, LaunchContext, LaunchDescriptionEntity
from launch.actions import OpaqueFunction, SetLaunchConfiguration

from vega_bringup.refusals import (
    LONGEST_LOAD_S,
    as_path,
    device_problem,
    given,
    policy_problem,
    refuse_if,
    robot_problems,
    whole_number_problem,
)
from vega_policy.contract import PolicyContract
from vega_policy.kinds import load_contract


def decide_policy() -> list[Action]:
    """Refuses what cannot be run. Sets `checkpoint` (absolute)."""
    return [
        *refuse_if(
            *robot_problems(
                whole_number_problem("load_timeout", 1, LONGEST_LOAD_S),
                _checkpoint_problem,
                device_problem(_contracts),
            )
        ),
        OpaqueFunction(function=_set),
    ]


def _checkpoint_problem(context: LaunchContext) -> str | None:
    return policy_problem("checkpoint", given(context, "checkpoint"))


def _contracts(context: LaunchContext) -> Sequence[PolicyContract]:
    return [load_contract(as_path(given(context, "checkpoint")))]


def _set(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    checkpoint = as_path(given(context, "checkpoint"))
    return [SetLaunchConfiguration("checkpoint", str(checkpoint))]

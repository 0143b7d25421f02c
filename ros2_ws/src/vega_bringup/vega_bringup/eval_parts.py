"""What the launch file of an evaluation decides before anything starts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from launch import Action, LaunchContext, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetLaunchConfiguration
from vega_eval.checkpoints import GIVE_ONCE, same_policy
from vega_eval.errors import EvalError
from vega_eval.trials.folder import SessionFolder, SessionPlan
from vega_eval.trials.session_spec import Judge, Robot, TaskSpec

import hw_config
from vega_bringup.launch_parts import shipped_policy
from vega_bringup.refusals import (
    LONGEST_LOAD_S,
    as_path,
    device_problem,
    given,
    policy_problem,
    readable,
    refuse_if,
    robot_problems,
    whole_number_problem,
)
from vega_policy.contract import PolicyContract
from vega_policy.kinds import load_contract

FREE_TEXT = ("operator", "lighting")
_MOST_TRIALS = 10_000
_AA_OF_OTHERS = "aa:=true: expected the same policy twice in policies:=..., got different ones"


def declare_evaluation() -> list[DeclareLaunchArgument]:
    """The arguments that only an evaluation has."""
    return [
        DeclareLaunchArgument(
            "policies",
            default_value=str(shipped_policy()),
            description="folders of the checkpoints that are compared, separated by commas",
        ),
        DeclareLaunchArgument("trials", default_value="20", description="trials of each policy"),
        DeclareLaunchArgument(
            "judge",
            default_value="",
            choices=["", "rules", "operator"],
            description="who says how a trial went; empty: the twin's rules, at the real robot "
            "the operator",
        ),
        DeclareLaunchArgument(
            "operator",
            default_value="",
            description="your name, recorded with every trial; needed where a person judges",
        ),
        DeclareLaunchArgument(
            "lighting", default_value="", description="a note on the light, recorded as well"
        ),
        DeclareLaunchArgument(
            "stop_early",
            default_value="false",
            choices=["true", "false"],
            description="end as soon as the sequential test has decided between two policies",
        ),
        DeclareLaunchArgument(
            "aa",
            default_value="false",
            choices=["true", "false"],
            description="an A/A session: the same policy may be given twice, to see what "
            "difference chance alone makes",
        ),
    ]


def decide_evaluation() -> list[Action]:
    """Refuses what cannot be evaluated, and makes sense of policies and judge.

    Sets `checkpoints` (a YAML list of absolute folders), `judge`, `operator` and `lighting`.
    """
    return [
        *refuse_if(
            *robot_problems(
                whole_number_problem("trials", 1, _MOST_TRIALS),
                whole_number_problem("load_timeout", 1, LONGEST_LOAD_S),
                _judge_problem,
                _policies_problem,
                device_problem(_contracts),
                _output_problem,
            )
        ),
        OpaqueFunction(function=_set),
    ]


def _folders(context: LaunchContext) -> list[Path]:
    return [as_path(part) for part in _policies(context)]


def _policies(context: LaunchContext) -> list[str]:
    return [part.strip() for part in given(context, "policies").split(",") if part.strip()]


def _contracts(context: LaunchContext) -> Sequence[PolicyContract]:
    return [load_contract(folder) for folder in _folders(context)]


def _policies_problem(context: LaunchContext) -> str | None:
    policies = _policies(context)
    if not policies:
        return "policies:=...: expected folders with a policy.yaml, separated by commas"
    for policy in policies:
        if problem := policy_problem("policies", policy):
            return problem
    pair = same_policy(_folders(context))
    if pair is None:
        return None if given(context, "aa") == "false" else _AA_OF_OTHERS
    if given(context, "aa") == "true":
        return None
    return f"policies:=...: {pair[0]} and {pair[1]} are the same policy: {GIVE_ONCE}"


def _output_problem(context: LaunchContext) -> str | None:
    task = hw_config.load_task(given(context, "task"))
    plan = SessionPlan(
        task_spec=TaskSpec.of(task, given(context, "variant")),
        robot=cast(Robot, given(context, "robot")),
        judge=cast(Judge, _judge(context)),
        seed=int(given(context, "seed")),
        trials_each=int(given(context, "trials")),
        policies=(),
        plan_placements=lambda count: (),
    )
    try:
        SessionFolder.check(as_path(given(context, "output")), plan)
    except EvalError as error:
        return f"output:=...: {error}"
    return None


def _judge(context: LaunchContext) -> str:
    real = given(context, "robot") == "real"
    return given(context, "judge") or ("operator" if real else "rules")


def _judge_problem(context: LaunchContext) -> str | None:
    judge, operator = _judge(context), given(context, "operator").strip()
    if judge == "rules" and given(context, "robot") == "real":
        return (
            "judge:=rules: only the twin knows whether the task is done; at the real robot a "
            "person judges: judge:=operator operator:=ada"
        )
    if judge == "operator" and not operator:
        return "who judges? Give your name, it is recorded with every trial: operator:=ada"
    return None


def _set(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    folders = [str(folder) for folder in _folders(context)]
    values = {
        # JSON is YAML, whatever stands in a name.
        "checkpoints": json.dumps(folders, ensure_ascii=False),
        "judge": _judge(context),
        **{name: readable(given(context, name)) for name in FREE_TEXT},
    }
    return [SetLaunchConfiguration(name, value) for name, value in values.items()]

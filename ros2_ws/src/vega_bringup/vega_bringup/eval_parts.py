"""What the launch file of an evaluation decides before anything starts."""

from __future__ import annotations

from pathlib import Path

from launch import Action, LaunchContext, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetLaunchConfiguration
from launch.substitutions import LaunchConfiguration

from vega_bringup.launch_parts import (
    cell_problem,
    hardware_problem,
    policy_problem,
    refuse_if,
    second_stack,
    seed_problem,
    shipped_policy,
    whole_number_problem,
)

_MOST_TRIALS = 10_000


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
    ]


def decide_evaluation() -> list[Action]:
    """Refuses what cannot be evaluated, and makes sense of policies and judge.

    Sets `checkpoints` (a YAML list of absolute folders), `judge` and `output` (absolute).
    """
    return [
        refuse_if(whole_number_problem("trials", 1, _MOST_TRIALS)),
        refuse_if(seed_problem),
        refuse_if(cell_problem),
        refuse_if(_judge_problem),
        refuse_if(_policies_problem),
        refuse_if(hardware_problem),
        refuse_if(second_stack),
        OpaqueFunction(function=_set),
    ]


def _given(context: LaunchContext, name: str) -> str:
    return str(LaunchConfiguration(name).perform(context)).strip()


def _folders(context: LaunchContext) -> list[Path]:
    given = [part.strip() for part in _given(context, "policies").split(",")]
    return [Path(part).expanduser().absolute() for part in given if part]


def _policies_problem(context: LaunchContext) -> str | None:
    folders = _folders(context)
    if not folders:
        return "policies:=...: expected folders with a policy.yaml, separated by commas"
    problems = (policy_problem("policies", folder) for folder in folders)
    return next((problem for problem in problems if problem), None)


def _judge(context: LaunchContext) -> str:
    real = _given(context, "robot") == "real"
    return _given(context, "judge") or ("operator" if real else "rules")


def _judge_problem(context: LaunchContext) -> str | None:
    judge, operator = _judge(context), _given(context, "operator")
    if judge == "rules" and _given(context, "robot") == "real":
        return (
            "judge:=rules: only the twin knows whether the task is done; at the real robot a "
            "person judges: judge:=operator operator:=ada"
        )
    if judge == "operator" and not operator:
        return "who judges? Give your name, it is recorded with every trial: operator:=ada"
    return None


def _set(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    folders = ", ".join(f'"{folder}"' for folder in _folders(context))
    values = {
        "checkpoints": f"[{folders}]",
        "judge": _judge(context),
        "output": str(Path(_given(context, "output")).expanduser().absolute()),
    }
    return [SetLaunchConfiguration(name, value) for name, value in values.items()]

"""What the launch file of a recording session decides before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from launch import Action, LaunchContext, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetLaunchConfiguration
from launch.substitutions import LaunchConfiguration

import hw_config
from teleop.dataset.episode import DatasetLayout
from teleop.dataset.store import Store
from teleop.errors import TeleopError
from teleop.session.operator import OperatorRefused, SessionOperator, who_leads
from vega_bringup.refusals import (
    as_path,
    given,
    readable,
    refuse_if,
    robot_problems,
    whole_number_problem,
)

FREE_TEXT = ("operator",)
_MOST_EPISODES = 100_000


def declare_session() -> list[DeclareLaunchArgument]:
    """The arguments that only a session has."""
    return [
        DeclareLaunchArgument(
            "operator",
            default_value="",
            description="who leads: your name, recorded with the episodes; in the twin also "
            "scripted (its default) or keyboard",
        ),
        DeclareLaunchArgument(
            "episodes", default_value="100", description="good episodes that are wanted in the end"
        ),
        DeclareLaunchArgument(
            "dataset",
            default_value=["demonstrations/", LaunchConfiguration("task")],
            description="folder of the episodes; a session goes on where its last one ended",
        ),
        DeclareLaunchArgument(
            "view",
            default_value="none",
            choices=["none", "rerun"],
            description="live view of cameras, joints and the session",
        ),
    ]


def decide_session() -> list[Action]:
    """Refuses what cannot be recorded, and sets what follows from robot, operator and cell.

    Sets `operator` (the name), `leaders` (who moves the twin's), `gate` (whether the arms have to
    be commanded for them to follow), `dataset` (absolute) and `shows`.
    """
    return [
        *refuse_if(
            *robot_problems(
                whole_number_problem("episodes", 1, _MOST_EPISODES),
                _operator_problem,
            ),
            _dataset_problem,
        ),
        OpaqueFunction(function=_set),
    ]


def _operator(context: LaunchContext) -> SessionOperator:
    return who_leads(readable(given(context, "operator")), given(context, "robot"))


def _operator_problem(context: LaunchContext) -> str | None:
    try:
        _operator(context)
    except OperatorRefused as error:
        return str(error)
    return None


def _dataset_problem(context: LaunchContext) -> str | None:
    try:
        Store.open(_folder(context), DatasetLayout.of(hw_config.load())).close()
    except TeleopError as error:
        return f"dataset:=...: {error}"
    return None


def _folder(context: LaunchContext) -> Path:
    return as_path(given(context, "dataset"))


def _set(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    operator = _operator(context)
    gated = hw_config.load().topology == "bus_per_arm"
    values: dict[str, Any] = {
        "operator": operator.name,
        "leaders": operator.hands,
        "gate": str(gated).lower(),
        "dataset": str(_folder(context)),
        "shows": str(given(context, "view") == "rerun").lower(),
    }
    return [SetLaunchConfiguration(name, value) for name, value in values.items()]

"""What a checkpoint must remember of its data: tasks, instructions, joints, cameras, statistics."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from vega_policy.data.episodes import Episode
from vega_policy.normalization import Statistics, statistics_of
from vega_policy.recipe import Recipe


class DatasetFacts(NamedTuple):
    """What a checkpoint must remember of its data.

    Attributes:
        tasks: One instruction of each task.
        joint_names: Order of states and actions.
        camera_names: Order of views.
        fps: Steps a second.
        action: Statistics of actions.
        proprio: Statistics of states.
        instructions: All instructions of each task.
    """

    tasks: dict[str, str]
    joint_names: tuple[str, ...]
    camera_names: tuple[str, ...]
    fps: float
    action: Statistics
    proprio: Statistics
    instructions: Mapping[str, tuple[str, ...]] = {}


def dataset_facts(episodes: list[Episode], recipe: Recipe) -> DatasetFacts:
    """Statistics over every step of all episodes, and what else describes them."""
    names = episodes[0].joint_names
    data = recipe.data
    span = np.array(
        [
            data.gripper_minimum_span if name.endswith("gripper") else data.joint_minimum_span
            for name in names
        ]
    )
    told: dict[str, dict[str, None]] = {}
    for each in (change for episode in episodes for change in episode.tasks):
        told.setdefault(each.task, {})[each.instruction] = None
    return DatasetFacts(
        tasks={task: next(iter(texts)) for task, texts in told.items()},
        joint_names=names,
        camera_names=episodes[0].camera_names,
        fps=episodes[0].fps,
        action=statistics_of(np.concatenate([e.action for e in episodes]), span),
        proprio=statistics_of(np.concatenate([e.state for e in episodes]), span),
        instructions={task: tuple(texts) for task, texts in told.items()},
    )


def constant_joints(facts: DatasetFacts, recipe: Recipe) -> list[str]:
    """A line each for state and action of which joints never change in the data."""
    lines = []
    for what, statistics in (("state", facts.proprio), ("action", facts.action)):
        still = statistics.constant(recipe.data.normalization)
        if still:
            names = ", ".join(facts.joint_names[number] for number in still)
            lines.append(f"the {what} never changes in {names}: the policy cannot learn to move it")
    return lines

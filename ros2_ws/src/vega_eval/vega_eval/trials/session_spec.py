"""session.json: what was decided before the first trial, and never changes.

The task spec says what counts as success, the schedule who plays what when. A session that is
resumed must have been given the same; what differs is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Literal

from pydantic import ConfigDict, Field

from hw_config import TaskConfig
from vega_eval.trials.record import Data, Letter
from vega_eval.trials.schedule import Placement, Trial

FILE_NAME = "session.json"
Robot = Literal["sim", "emulated", "real", "twin"]
Judge = Literal["rules", "operator"]


class TaskSpec(Data):
    """What is asked for, written before anybody plays.

    Attributes:
        task: Name.
        variant: easy or hard.
        instruction: What the policies are told.
        success: When a trial has succeeded.
        milestones: Steps on the way, in order; the last one is success.
        time_limit_s: ROS time from the first policy step.
    """

    task: str
    variant: str
    instruction: str
    success: str
    milestones: tuple[str, ...]
    time_limit_s: float = Field(gt=0)

    @classmethod
    def of(cls, task: TaskConfig, variant: str) -> TaskSpec:
        """The spec of a task of hw_config."""
        return cls(
            task=task.name,
            variant=variant,
            instruction=task.instruction,
            success=task.success,
            milestones=task.milestones,
            time_limit_s=task.time_limit_s,
        )


class SessionSpec(Data):
    """A session as it was planned.

    Attributes:
        id: Unlike that of any other session.
        created: UTC.
        task_spec: What is asked for.
        robot: What stood behind the topics; `twin` without ROS.
        judge: Who says how a trial went.
        seed: Of the schedule.
        trials_each: Trials of each policy.
        policies: Letters, sorted.
        key_sha256: Digest of the key; see `blinding`.
        placements: Where things lie, shared by all policies.
        schedule: All trials in order.
        operator: Who was there at first.
        lighting: What they noted of the light.
        timing: When chunks are asked for and take effect, where that is simulated (steps).
        config_sha256: Of hw_config.
        commit: Of the code that evaluates; ends with `-dirty` where files differ from it.
        versions: Of packages that matter.
    """

    model_config = ConfigDict(serialize_by_alias=True)  # the file says `card`

    format: Literal[1] = 1
    id: str
    created: str
    task_spec: TaskSpec = Field(alias="card")
    robot: Robot
    judge: Judge
    seed: int = Field(ge=0)
    trials_each: int = Field(ge=1)
    policies: tuple[Letter, ...] = Field(min_length=1)
    key_sha256: str
    placements: tuple[Placement, ...]
    schedule: tuple[Trial, ...]
    operator: str = ""
    lighting: str = ""
    timing: dict[str, int] = {}
    config_sha256: str = ""
    commit: str = ""
    versions: dict[str, str] = {}


def config_digest(files: Mapping[str, str]) -> str:
    """SHA-256 of hw_config, from the text of its files by name."""
    digest = hashlib.sha256()
    for name, text in sorted(files.items()):
        digest.update(f"{name}\n{len(text.encode())}\n{text}".encode())
    return digest.hexdigest()

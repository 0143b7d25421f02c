"""What is known of a trial when it is over: one line of trials.jsonl.

A partial success counts as a failure wherever successes are counted; how far it came is recorded
beside. An INVALID trial says nothing about the policy and is played again.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vega_eval.failure_types import FailureType


class TrialOutcome(str, enum.Enum):
    """How a trial ended."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAIL = "fail"
    INVALID = "invalid"

    @property
    def valid(self) -> bool:
        """Whether it says something about the policy."""
        return self is not TrialOutcome.INVALID


class Data(BaseModel):
    """Base of what a session writes: unknown keys are errors, nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Percentiles(Data):
    """Of a figure that was measured many times; None where it never was."""

    p50: float | None = None
    p95: float | None = None


Letter = Annotated[str, Field(pattern=r"^[A-Z]$")]


class TrialVerdict(Data):
    """How a trial went, as it was judged.

    Attributes:
        outcome: The judgement.
        progress: 0 to 1, how much of the task was done; 1 only for a success.
        milestones: Which steps on the way were reached, by name.
        failure_type: Why it failed; None for a success, or where nobody said.
        reason: What ended the trial, or makes it invalid, for people.
        note: Of the operator.
        judged_by: `rules` in the twin, else the operator's name.
    """

    outcome: TrialOutcome
    progress: float = Field(ge=0.0, le=1.0)
    milestones: dict[str, bool] = {}
    failure_type: FailureType | None = None
    reason: str = ""
    note: str = ""
    judged_by: str = "rules"

    @classmethod
    def succeeded(cls, milestones: Mapping[str, bool]) -> TrialVerdict:
        """The rules' verdict on a task that was done."""
        return cls(outcome=TrialOutcome.SUCCESS, progress=1.0, milestones=dict(milestones))

    @classmethod
    def failed(
        cls, milestones: Mapping[str, bool], kind: FailureType | None, reason: str
    ) -> TrialVerdict:
        """The rules' verdict on a task that was not done, or in part."""
        progress = share(milestones)
        return cls(
            outcome=TrialOutcome.PARTIAL if progress > 0.0 else TrialOutcome.FAIL,
            progress=progress,
            milestones=dict(milestones),
            failure_type=kind,
            reason=reason,
        )

    @model_validator(mode="after")
    def _consistent(self) -> TrialVerdict:
        if (self.outcome is TrialOutcome.SUCCESS) != (self.progress == 1.0):
            raise ValueError(
                f"a {self.outcome.value} with progress {self.progress:g}: only a success is 1"
            )
        if self.outcome is TrialOutcome.SUCCESS and self.failure_type is not None:
            raise ValueError(f"a success of failure type {self.failure_type.value}")
        return self


def share(milestones: Mapping[str, bool]) -> float:
    """Which part of the milestones was reached, 0 to 1."""
    return sum(milestones.values()) / len(milestones) if milestones else 0.0


class Figures(Data):
    """What was measured during a trial. Times are ROS time; a figure of nothing is None.

    Attributes:
        duration_s: From the first policy step to the end.
        wall_s: The same by the wall clock; None where nothing runs in real time.
        policy_steps: Steps that were executed.
        moved_rad: Way of all arm joints together.
        inference_ms: Preprocessing and model.
        observation_age_ms: From the oldest capture used to the start of inference.
        chunks: Chunks that the policy sent.
        refused: Chunks that the gate refused.
        clamped: Commands that a limit changed.
        blocked: Commands that were brakes, because the way led out of the workspace.
        holds: Times that the gate had to hold.
        held_s: Time in which it held, all together.
        estops: Emergency stops.
        interventions: Times that a person took over or helped.
        camera_hz: Frames a second at the policy, by camera.
        dropped_frames: Frames that never came, by camera.
    """

    duration_s: float = Field(ge=0.0)
    wall_s: float | None = None
    policy_steps: int = Field(ge=0)
    moved_rad: float | None = None
    inference_ms: Percentiles = Percentiles()
    observation_age_ms: Percentiles = Percentiles()
    chunks: int = 0
    refused: int = 0
    clamped: int = 0
    blocked: int = 0
    holds: int = 0
    held_s: float = 0.0
    estops: int = 0
    interventions: int = 0
    camera_hz: dict[str, float | None] = {}
    dropped_frames: dict[str, int] = {}


class Files(Data):
    """What a trial left, relative to the session's folder; empty where there is nothing."""

    video: str = ""
    recording: str = ""
    reset: str = ""


class TrialRecord(Data):
    """One attempt at a trial.

    Attributes:
        session: Id of the session.
        trial: Which of the schedule, from 1.
        attempt: From 1; a higher one follows an invalid one.
        policy: Letter.
        placement: Index into the session's placements.
        seed: Of the twin's scene; None on the real robot.
        cell: Row and column of the grid, if the task has one.
        started: UTC.
        ended: UTC.
        verdict: How it went.
        figures: What was measured.
        reset_difference: How much the scene differs from that of the other policies at this
            placement: mean difference of the head camera's images, 0 to 255; None unmeasured.
        operator: Who was there.
        lighting: What they noted of the light.
        checkpoint_tag: Proof of which checkpoint ran, to be checked with the session's key.
        config_sha256: Of hw_config at this trial.
        files: What it left.
    """

    kind: Literal["trial"] = "trial"
    session: str
    trial: int = Field(ge=1)
    attempt: int = Field(ge=1)
    policy: Letter
    placement: int = Field(ge=0)
    seed: int | None = None
    cell: tuple[int, int] | None = None
    started: str
    ended: str
    verdict: TrialVerdict
    figures: Figures | None = None
    reset_difference: float | None = None
    operator: str = ""
    lighting: str = ""
    checkpoint_tag: str = ""
    config_sha256: str = ""
    files: Files = Files()

    @property
    def valid(self) -> bool:
        """Whether it counts."""
        return self.verdict.outcome.valid

    @property
    def success(self) -> bool:
        """Whether the task was done."""
        return self.verdict.outcome is TrialOutcome.SUCCESS


class TrialStarted(Data):
    """That an attempt has begun: one without a record was cut off by a crash."""

    kind: Literal["begun"] = "begun"
    trial: int = Field(ge=1)
    attempt: int = Field(ge=1)
    policy: Letter
    started: str


class Amendment(Data):
    """That the operator judges an attempt anew; the latest one counts."""

    kind: Literal["amended"] = "amended"
    trial: int = Field(ge=1)
    attempt: int = Field(ge=1)
    verdict: TrialVerdict
    by: str
    at: str


class SessionEvent(Data):
    """Something that happened to the session: opened, resumed, paused, closed ..."""

    kind: Literal["session"] = "session"
    event: str
    at: str
    text: str = ""


Line = TrialRecord | TrialStarted | Amendment | SessionEvent
_KINDS: Mapping[str, type[Line]] = {
    "trial": TrialRecord,
    "begun": TrialStarted,
    "amended": Amendment,
    "session": SessionEvent,
}


def parse(data: Mapping[str, Any]) -> Line:
    """A line from its JSON object.

    Raises:
        ValueError: It is of an unknown kind, or malformed (pydantic's ValidationError).
    """
    kind = data.get("kind")
    if kind not in _KINDS:
        raise ValueError(f"unknown kind {kind!r}; expected one of {', '.join(_KINDS)}")
    return _KINDS[str(kind)].model_validate(dict(data))

"""The messages to workers and from them: plain values, so that they can travel."""

from __future__ import annotations

from dataclasses import dataclass

from vega_eval.trials.record import Figures, TrialVerdict
from vega_eval.twin.chunks import Timing


@dataclass(frozen=True)
class Job:
    """What a worker is asked to play.

    Attributes:
        task: Name.
        variant: easy or hard.
        seed: Of the scene.
        checkpoint: Folder of the policy.
        timing: Of its chunks.
        video: Whether to film it.
        trial: Its number, for the film.
    """

    task: str
    variant: str
    seed: int
    checkpoint: str
    timing: Timing
    video: bool = False
    trial: int = 1


@dataclass(frozen=True)
class JobResult:
    """How a trial went.

    Attributes:
        verdict: By the task's rules.
        figures: All but latencies are a function of the job.
        video: An MP4; empty if none was asked for.
    """

    verdict: TrialVerdict
    figures: Figures
    video: bytes = b""


@dataclass(frozen=True)
class Ready:
    """A worker has loaded everything."""


@dataclass(frozen=True)
class JobFailure:
    """Why something could not be done.

    Attributes:
        reason: For people.
        permanent: It will not go better another time.
    """

    reason: str
    permanent: bool

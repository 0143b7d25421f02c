"""What is said to workers and by them; plain values, so that it can travel."""

from __future__ import annotations

from dataclasses import dataclass

from vega_eval.trials.record import Figures, Verdict
from vega_eval.twin.chunks import Timing


@dataclass(frozen=True)
class Order:
    """What a worker is asked to play.

    Attributes:
        task: Name.
        variant: easy or hard.
        seed: Of the scene.
        checkpoint: Folder of the policy.
        timing: Of its chunks.
        video: Whether to film it.
    """

    task: str
    variant: str
    seed: int
    checkpoint: str
    timing: Timing
    video: bool = False


@dataclass(frozen=True)
class Played:
    """How a trial went.

    Attributes:
        verdict: By the task's rules.
        figures: All but latencies are a function of the order.
        video: An MP4; empty if none was asked for.
    """

    verdict: Verdict
    figures: Figures
    video: bytes = b""


@dataclass(frozen=True)
class Ready:
    """A worker has loaded everything."""


@dataclass(frozen=True)
class Trouble:
    """Why something could not be done.

    Attributes:
        reason: For people.
        for_good: It will not go better another time.
    """

    reason: str
    for_good: bool

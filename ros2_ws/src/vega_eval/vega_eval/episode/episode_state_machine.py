"""The state machine of one episode: when it starts, how it ends, what an operator is told.

Knows nothing of ROS: it is told what was seen and asked, a few times a second, what to do. `now_s`
is simulated time, `wall_s` the monotonic clock.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class EpisodeOutcome(str, enum.Enum):
    """How an episode ended. Only success and failure say something about the policy."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNJUDGED = "unjudged"
    ABORTED = "aborted"
    STOPPED = "stopped (emergency stop)"
    INTERRUPTED = "interrupted"

    @property
    def carried_out(self) -> bool:
        """Whether the policy had its chance."""
        return self in (EpisodeOutcome.SUCCESS, EpisodeOutcome.FAILURE, EpisodeOutcome.UNJUDGED)


@dataclass(frozen=True)
class Patience:
    """How long the episode waits: in wall time for a sign of the stack, from then on to start, and
    without time; simulated in a hold.
    """

    start_s: float = 90.0
    clock_s: float = 10.0
    first_step_s: float = 10.0
    hold_s: float = 3.0
    bring_up_s: float = 90.0


@dataclass(frozen=True)
class EpisodeScene:
    """Which scene lies in the twin; on the real robot only the task is known."""

    task: str
    variant: str = ""
    seed: int = 0


class EpisodeStateMachine:
    """Follows one episode from the first sign of life to its outcome.

    The episode starts with the first policy step that the gate executes, and ends with success,
    at the time limit, when the emergency stop is pressed, or, aborted, when the gate holds for too
    long or time stands still. Where nobody judges success, there is neither success nor failure.
    """

    def __init__(
        self,
        scene: EpisodeScene,
        time_limit_s: float,
        patience: Patience,
        wall_s: float,
        judged: bool = True,
    ) -> None:
        self.scene = scene
        self.time_limit_s = time_limit_s
        self.outcome: EpisodeOutcome | None = None
        self.reason = ""
        self.start_s: float | None = None
        self.end_s = 0.0
        self._patience = patience
        self._waits_since_s = self._moved_wall_s = wall_s
        self._up = self._noticed = False
        self._now_s = 0.0
        self._judged = judged
        self._scene_shown: EpisodeScene | None = None if judged else scene
        self._hold_since_s: float | None = None
        self._hold_reason = "it has not started"

    @property
    def running(self) -> bool:
        """Whether the policy is at it."""
        return self.start_s is not None and self.outcome is None

    @property
    def elapsed_s(self) -> float:
        """Simulated time since the start, up to the end."""
        if self.start_s is None:
            return 0.0
        return (self._now_s if self.outcome is None else self.end_s) - self.start_s

    def wants_reset(self) -> bool:
        """Whether another scene than the episode's lies in the twin."""
        return self.start_s is None and self._scene_shown not in (None, self.scene)

    def observe_scene(self, scene: EpisodeScene, success: bool, now_s: float) -> None:
        """The twin told which scene lies there and whether its task is done.

        Where a person judges, it is theirs to say whether the scene is the right one.
        """
        self._up = True
        if not self._judged:
            return
        self._scene_shown = scene
        if self.running and success and scene == self.scene:
            self._now_s = max(self._now_s, now_s)
            self._end(EpisodeOutcome.SUCCESS, "")

    def observe_gate(self, executing: bool, reason: str, now_s: float, active: bool = True) -> None:
        """The gate told whether it executes, and if not, why.

        As long as the stack is coming up, a gate that is not active does not hold.
        """
        self._up = self._up or active
        self._hold_reason = "" if executing else reason
        if executing or not (active or self.running):
            self._hold_since_s = None
        elif self._hold_since_s is None:
            self._hold_since_s = now_s

    def observe_step(self, now_s: float) -> None:
        """The gate executed a policy step."""
        if self.start_s is None and self.outcome is None and self._scene_shown == self.scene:
            self.start_s = now_s

    def advance(self, now_s: float, wall_s: float) -> None:
        """Lets time pass; may end the episode."""
        if self.outcome is not None:
            return
        if now_s > self._now_s:
            self._now_s, self._moved_wall_s = now_s, wall_s
        if self.running and self.elapsed_s >= self.time_limit_s:
            self._end(*self._at_time_limit())
        elif self.running and wall_s - self._moved_wall_s > self._patience.clock_s:
            self._end(
                EpisodeOutcome.ABORTED, f"time has stood still for {self._patience.clock_s:g} s"
            )
        elif not self.running and wall_s - self._waits_since(wall_s) > self._start_patience_s:
            self._end(EpisodeOutcome.ABORTED, self._why_not_started())
        else:
            self._watch_hold(now_s)

    def _waits_since(self, wall_s: float) -> float:
        """Since when it waits for the stack, or, once that is up, for the policy's first step."""
        if self._up and not self._noticed:
            self._noticed, self._waits_since_s = True, wall_s
        return self._waits_since_s

    @property
    def _start_patience_s(self) -> float:
        return self._patience.start_s if self._up else self._patience.bring_up_s

    def _at_time_limit(self) -> tuple[EpisodeOutcome, str]:
        if self._judged:
            return EpisodeOutcome.FAILURE, f"not done within {self.time_limit_s:g} s"
        return EpisodeOutcome.UNJUDGED, "time limit; nobody judged success"

    def _watch_hold(self, now_s: float) -> None:
        patience_s = self._patience.hold_s if self.running else self._patience.first_step_s
        if self._hold_since_s is not None and now_s - self._hold_since_s > patience_s:
            held = f"the gate has held for {patience_s:g} s"
            self._end(EpisodeOutcome.ABORTED, f"{held}: {self._hold_reason}")

    def interrupt(self) -> None:
        """Somebody stopped the episode."""
        if self.outcome is None:
            held = self._hold_reason if self.running and self._hold_since_s is not None else ""
            self._end(
                EpisodeOutcome.INTERRUPTED, f"while the gate was holding: {held}" if held else ""
            )

    def abort(self, reason: str) -> None:
        """The episode cannot go on."""
        if self.outcome is None:
            self._end(EpisodeOutcome.ABORTED, reason)

    def stop(self, reason: str) -> None:
        """The emergency stop was pressed, also before the episode has begun."""
        if self.outcome is None:
            self._end(EpisodeOutcome.STOPPED, reason)

    def _end(self, outcome: EpisodeOutcome, reason: str) -> None:
        self.outcome, self.reason = outcome, reason
        self.end_s = self._now_s

    def _why_not_started(self) -> str:
        if not self._up:
            missing = "the stack is not up; the manager says what it waits for"
        elif self._scene_shown is None:
            missing = "the twin has not published its state; is the sim node active?"
        elif self._scene_shown != self.scene:
            missing = f"the twin shows {self._scene_shown}, not {self.scene}"
        else:
            missing = f"no policy step was executed; the gate: {self._hold_reason}"
        return f"not started after {self._start_patience_s:g} s: {missing}"

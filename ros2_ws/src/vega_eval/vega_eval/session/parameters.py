"""Parameters of the node `session`."""

from __future__ import annotations

from dataclasses import dataclass

from vega_runtime.parameters import parameter

from vega_eval.episode.episode_state_machine import Patience


@dataclass(frozen=True)
class Parameters:
    """Parameters of the node."""

    task: str = parameter("close_laptop", "task of hw_config")
    variant: str = parameter("easy", "of the task: easy or hard")
    policies: tuple[str, ...] = parameter(("",), "folders of the checkpoints that are compared")
    trials: int = parameter(20, "trials of each policy", low=1, high=10_000)
    seed: int = parameter(0, "of the schedule", low=0)
    output: str = parameter("", "folder of the session; one that is there is gone on with")
    robot: str = parameter("sim", "what stands behind the topics: sim, emulated or real")
    judge: str = parameter("rules", "who judges trials: rules (the twin's) or operator")
    operator: str = parameter("", "who is there; recorded with every trial")
    lighting: str = parameter("", "a note on the light; recorded with every trial")
    stop_early: bool = parameter(
        False, "end as soon as the sequential test has decided between two policies"
    )
    record: bool = parameter(True, "an MCAP recording a trial")
    video_fps: int = parameter(15, "frames a second of the videos, in ROS time", low=1, high=60)
    start_patience_s: float = parameter(
        90.0, "wall time that the stack may take until a trial's first policy step", low=1.0
    )
    first_step_patience_s: float = parameter(
        10.0, "ROS time that the gate may hold before a trial's first policy step", low=0.1
    )
    ready_patience_s: float = parameter(
        300.0,
        "wall time to wait for what a trial needs (cameras, arms, gate) before the session "
        "ends; 0: for as long as it takes",
        low=0.0,
    )

    @property
    def patience(self) -> Patience:
        """How long a trial's course waits; a gate that holds is the policy's affair."""
        return Patience(
            self.start_patience_s, first_step_s=self.first_step_patience_s, hold_s=float("inf")
        )

"""Parameters of the node `episode`."""

from __future__ import annotations

from dataclasses import dataclass

from vega_runtime.parameters import parameter

from vega_eval.episode.episode_state_machine import Patience


@dataclass(frozen=True)
class Parameters:
    """Parameters of the node."""

    task: str = parameter("close_laptop", "task of hw_config")
    variant: str = parameter("easy", "easy or hard")
    seed: int = parameter(0, "seed of the placements", low=0)
    output: str = parameter("", "folder for summary.json and episode.mp4; made if missing")
    checkpoint: str = parameter("", "checkpoint of the policy, for the summary")
    launched_at: float = parameter(0.0, "wall time of the launch (s since 1970), for the summary")
    judged: bool = parameter(
        True, "a twin lays the scene and says when the task is done; false on the real robot"
    )
    video_fps: int = parameter(15, "frames a second of the video, in ROS time", low=1, high=60)
    start_patience_s: float = parameter(
        90.0, "wall time that the stack may take until its first policy step", low=1.0
    )
    first_step_patience_s: float = parameter(
        10.0, "ROS time that the gate, once active, may hold before the first policy step", low=0.1
    )
    hold_patience_s: float = parameter(
        3.0, "ROS time that the gate may hold before the episode is aborted", low=0.1
    )

    @property
    def patience(self) -> Patience:
        """How long the episode waits."""
        return Patience(
            self.start_patience_s,
            first_step_s=self.first_step_patience_s,
            hold_s=self.hold_patience_s,
        )

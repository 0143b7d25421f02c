"""One trial: a policy in the twin, from the reset to success or to the time limit."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from vega_sim.progress import Progress
from vega_sim.twin import Twin

from vega_eval.episode.video import EpisodeVideo
from vega_eval.scoring import failure_type
from vega_eval.trials.record import Figures, Percentiles, TrialVerdict
from vega_eval.twin.chunks import ChunkPlayer, Timing
from vega_eval.twin.jobs import Job, JobResult
from vega_policy.policy import Observation, Policy

_VIDEO_EVERY = 2  # control steps from one frame to the next
_ROUNDING_S = 1e-6


def play(twin: Twin, policy: Policy, job: Job) -> JobResult:
    """Plays a job in a twin of its task and variant, with the policy of its checkpoint."""
    twin.reset(job.seed)
    policy.reset()
    with tempfile.TemporaryDirectory(prefix="vega_trial_") as folder:
        path = Path(folder) / "trial.mp4"
        film = _Film(twin, path, job) if job.video else None
        episode = _Episode(twin, policy, job.timing, film)
        try:
            while episode.goes_on():
                episode.step()
        finally:
            if film is not None:
                film.close("success" if episode.progress.success else "failure")
        return JobResult(episode.verdict(), episode.figures(), path.read_bytes() if film else b"")


class _Film:
    """Films the twin; the episode waits for it."""

    def __init__(self, twin: Twin, path: Path, job: Job) -> None:
        self._twin = twin
        fps = round(twin.hw.rates.control_hz / _VIDEO_EVERY)
        title = f"{job.task} ({job.variant}, seed {job.seed}), trial {job.trial}"
        title = f"{title}: {twin.task.config.instruction}"
        self._video = EpisodeVideo(path, fps, wait=True, title=title)

    def update(self, step: int) -> None:
        if step % _VIDEO_EVERY == 0:
            images = [self._twin.render(camera) for camera in self._twin.hw.cameras]
            self._video.add(self._twin.time_s, images)

    def close(self, outcome: str) -> None:
        self._video.close(outcome)
        if self._video.problem:
            raise OSError(self._video.problem)


@dataclass
class _Episode:
    """A trial while it runs."""

    twin: Twin
    policy: Policy
    timing: Timing
    film: _Film | None
    start_s: float | None = None
    moved_rad: float = 0.0
    inference_ms: list[float] = field(default_factory=list)
    step_number: int = 0

    def __post_init__(self) -> None:
        hw = self.twin.hw
        self.progress = Progress(self.twin)
        self.chunks = ChunkPlayer(self.timing, np.array(hw.home))
        self.joints = np.array(["gripper" not in name for name in hw.joint_names])
        self.last = self.twin.positions()

    @property
    def duration_s(self) -> float:
        """From the first policy step, as in the launched system."""
        return self.twin.time_s - (self.start_s or 0.0)

    def goes_on(self) -> bool:
        left_s = self.twin.task.config.time_limit_s - self.duration_s
        return not self.progress.success and left_s > _ROUNDING_S

    def step(self) -> None:
        if self.chunks.wants_observation(self.step_number):
            self._infer()
        if self.film is not None:
            self.film.update(self.step_number)
        before_s = self.twin.time_s
        target = self.chunks.target(self.step_number)
        if self.start_s is None and self.chunks.steps:
            self.start_s = before_s
        self.twin.advance(target)
        self.step_number += 1
        self._observe()

    def _infer(self) -> None:
        images = {name: self.twin.render(name) for name in self.policy.contract.camera_names}
        state = self.twin.positions().astype(np.float32)
        instruction = self.twin.task.config.instruction
        observation = Observation(images, state, instruction, self.twin.time_s)
        chunk = self.policy.infer(observation)
        self.inference_ms.append(chunk.timings_ms["total"])
        self.chunks.offer(self.step_number, chunk.values)

    def _observe(self) -> None:
        now: NDArray[np.float64] = self.twin.positions()
        self.moved_rad += float(np.abs(now - self.last)[self.joints].sum())
        self.last = now
        self.progress.update()

    def verdict(self) -> TrialVerdict:
        reached = self.progress.milestones
        if self.progress.success:
            return TrialVerdict.succeeded(reached)
        reason = f"not done within {self.twin.task.config.time_limit_s:g} s"
        return TrialVerdict.failed(reached, failure_type(self.progress.signals), reason)

    def figures(self) -> Figures:
        p50, p95 = np.percentile(self.inference_ms, [50, 95])
        return Figures(
            duration_s=round(self.duration_s, 3),
            policy_steps=self.chunks.steps,
            moved_rad=self.moved_rad,
            inference_ms=Percentiles(p50=round(float(p50), 3), p95=round(float(p95), 3)),
            chunks=len(self.inference_ms),
            refused=self.chunks.refused,
            holds=self.chunks.holds,
            held_s=round(self.chunks.held_steps / self.twin.hw.rates.control_hz, 3),
        )

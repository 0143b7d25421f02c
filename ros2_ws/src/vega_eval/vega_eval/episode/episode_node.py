"""The node `episode`: runs one episode through the launched stack and leaves its figures."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import Trigger
from vega_msgs.srv import ResetScene
from vega_runtime.node import finish
from vega_runtime.node import main as run_node
from vega_runtime.parameters import declare, parameter
from vega_runtime.stamps import now_s

import hw_config
from vega_eval.episode.episode_state_machine import EpisodeScene, EpisodeStateMachine, Patience
from vega_eval.episode.observer import Observer
from vega_eval.episode.summary import EpisodeEnding, result_line, summarise, write_json

_WATCH_PERIOD_S = 0.1
_SHUTDOWN_PATIENCE_S = 4.0
# A server drops its answer when it has not discovered the client in time: it is asked again.
_ANSWER_S = 10.0


@dataclass(frozen=True)
class EpisodeParameters:
    """Parameters of the node `episode`."""

    task: str = parameter("close_laptop", "task of hw_config")
    variant: str = parameter("easy", "easy or hard")
    seed: int = parameter(0, "seed of the placements", low=0)
    output: str = parameter("", "folder for summary.json and episode.mp4; made if missing")
    checkpoint: str = parameter("", "checkpoint of the policy, for the summary")
    launched_at: float = parameter(0.0, "wall time of the launch (s since 1970), for the summary")
    judged: bool = parameter(
        True, "a twin resets the scene and says when the task is done; false on the real robot"
    )
    video_fps: int = parameter(15, "frames a second of the video, in ROS time", low=1, high=60)
    bring_up_patience_s: float = parameter(
        900.0, "wall time until twin or gate is up; the manager gives up earlier", low=1.0
    )
    start_patience_s: float = parameter(
        90.0, "wall time that the stack, once up, may take until its first policy step", low=1.0
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
            bring_up_s=self.bring_up_patience_s,
        )


class EpisodeNode(Node):
    """Resets the scene, follows the policy, writes what came of it and takes the stack down."""

    def __init__(self) -> None:
        super().__init__("episode")
        self._given = declare(self, EpisodeParameters)
        if not self._given.output:
            raise ValueError("the parameter 'output' is missing: a folder for the results")
        task = hw_config.load_task(self._given.task)
        self._folder = Path(self._given.output)
        self._folder.mkdir(parents=True, exist_ok=True)
        given, begun_s = self._given, time.monotonic()
        scene = (
            EpisodeScene(given.task, given.variant, given.seed)
            if given.judged
            else EpisodeScene(given.task)
        )
        self._episode = EpisodeStateMachine(
            scene, task.time_limit_s, given.patience, begun_s, given.judged
        )
        self._observer = Observer(self, hw_config.load(), given.video_fps)
        self._observer.follow(self._episode, self._folder / "episode.mp4")
        self._said_s = -1
        self._wall_s = self._gives_up_wall_s = 0.0
        self._resetting: Future | None = None
        self._reset_again_s = 0.0
        self._written = False
        self._reset = self.create_client(ResetScene, "sim/reset")
        self._shutdown = self.create_client(Trigger, "manager/shutdown")
        wall = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_WATCH_PERIOD_S, self._watch, clock=wall)

    def _watch(self) -> None:
        self._reset_scene()
        self._observer.measure_way()
        ros_s = now_s(self.get_clock())
        self._episode.advance(ros_s, time.monotonic())
        if self._episode.outcome is not None:
            self._end()
        elif self._episode.running and int(self._episode.elapsed_s) > self._said_s:
            self._tell_progress()

    def _tell_progress(self) -> None:
        if self._said_s < 0:
            self._say("the policy acts")
        self._said_s = int(self._episode.elapsed_s)
        if self._said_s:
            text = f"{self._said_s:3d} s  {self._observer.progress}  {self._speed()}"
            self._say(text.rstrip())

    def _speed(self) -> str:
        if self._given.judged:
            observer = self._observer
            factor = observer.twin_speed or self._episode.elapsed_s / observer.wall_s
            return f"(real-time factor {factor:.2f})"
        return ""

    def _reset_scene(self) -> None:
        if not self._episode.wants_reset() or not self._reset.service_is_ready():
            return
        if self._resetting is None:
            scene = self._episode.scene
            request = ResetScene.Request(task=scene.task, variant=scene.variant, seed=scene.seed)
            self._resetting = self._reset.call_async(request)
            self._reset_again_s = time.monotonic() + _ANSWER_S
        elif self._resetting.done():
            answer = self._resetting.result()
            if not answer.success:
                self._episode.abort(f"the scene cannot be laid: {answer.message}")
            self._resetting = None
        elif time.monotonic() > self._reset_again_s:
            self._resetting = None

    def _end(self) -> None:
        """Writes everything; then the manager takes the stack down, unless there was no episode."""
        if self._written:
            if not self._shutdown.service_is_ready() or time.monotonic() > self._gives_up_wall_s:
                finish()
            return
        self._write()
        if self._ending().outcome.carried_out and self._shutdown.service_is_ready():
            self._shutdown.call_async(Trigger.Request())
            self._gives_up_wall_s = time.monotonic() + _SHUTDOWN_PATIENCE_S
        else:
            finish(0 if self._ending().outcome.carried_out else 1)

    def _write(self) -> None:
        self._written = True
        self._wall_s = self._observer.wall_s
        problem = self._observer.end()
        if problem:
            self.get_logger().error(problem)
        given, began = self._given, self._observer.first_action_at
        extra: dict[str, object] = {"checkpoint": given.checkpoint}
        if given.launched_at and began:
            extra["first_action_after_s"] = round(began - given.launched_at, 1)
        file = self._folder / "summary.json"
        try:
            write_json(file, summarise(self._ending(), self._observer.record, extra))
        except OSError as error:
            self.get_logger().error(f"{file} cannot be written: {error.strerror}")

    def _ending(self) -> EpisodeEnding:
        episode = self._episode
        assert episode.outcome is not None
        return EpisodeEnding(
            episode.scene,
            episode.outcome,
            episode.reason,
            episode.elapsed_s,
            self._wall_s,
            self._observer.twin_speed,
        )

    def close(self) -> None:
        """Called at the end of the process: an unfinished episode is written as interrupted."""
        self._episode.interrupt()
        if not self._written:
            self._write()
        steps = len(self._observer.record.step_times_s)
        self._say(result_line(self._ending(), steps, _short(self._folder)))

    def _say(self, text: str) -> None:
        print(text, flush=True)


def _short(folder: Path) -> str:
    """The folder as one would type it here."""
    try:
        return str(folder.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(folder)


def main() -> None:
    """Entry point."""
    run_node(EpisodeNode)


if __name__ == "__main__":
    main()

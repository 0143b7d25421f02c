"""The launched robot or twin, from a script or a notebook: look, go home, run a policy, stop.

    ros2 launch vega_bringup policy.launch.py task:=close_laptop idle:=true

    with Robot("sim") as robot:
        robot.home()
        print(robot.run_policy("close_laptop"))

What fails is a `RobotError` and moves no arm. An emergency stop stays until a person resets it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import Trigger
from vega_eval.session.robot_backend import BackendError as RobotError
from vega_msgs.msg import EstopState
from vega_runtime import images, surroundings
from vega_runtime.stamps import to_seconds

import hw_config
from vega_bringup.robot_connection import Connection

__all__ = ["EpisodeResult", "Robot", "RobotError", "RobotState"]


class RobotState(NamedTuple):
    """Newest images (uint8 [H, W, 3], RGB) by camera, joints [14] in the order of hw_config (rad,
    grippers m), and when each camera and arm, by its name, captured them (s, ROS time).
    """

    images: dict[str, np.ndarray]
    joints: np.ndarray
    stamps_s: dict[str, float]


class EpisodeResult(NamedTuple):
    """How an episode ended.

    `outcome` is one of success, failure, unjudged, `stopped (emergency stop)` and aborted; `reason`
    says why; the time that it took is in s of ROS time.
    """

    outcome: str
    reason: str
    elapsed_s: float


class Robot:
    """A connection to a launched stack, to be used in a `with`; any method may raise RobotError.

    Args:
        robot: As in the launch, like `namespace`.
        namespace: Empty for none.
        domain_id: ROS domain; None: that of the environment.
        patience_s: How long cameras, arms and gate may take to be heard.
    """

    def __init__(
        self,
        robot: Literal["sim", "emulated", "real"] = "sim",
        namespace: str = "",
        domain_id: int | None = None,
        patience_s: float = 30.0,
    ) -> None:
        given = {} if domain_id is None else {"ROS_DOMAIN_ID": str(domain_id)}
        if problem := surroundings.problem({**os.environ, **given}):
            raise RobotError(problem)
        self._judged, self._patience_s = robot != "real", patience_s
        self._hardware = hw_config.load()
        self._link = Connection(self._hardware, robot == "sim", namespace, domain_id)
        self._calls, self._observer = self._link.calls, self._link.observer

    def __enter__(self) -> Robot:
        if not self._calls.until(lambda: self._link.heard, self._patience_s):
            problems = "; ".join(self._link.problems())
            self.close()
            raise RobotError(f"{problems}. Is the stack launched, and in this ROS_DOMAIN_ID?")
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnects. The arms do what they did; a policy that was loaded stays loaded."""
        self._link.close()

    def observe(self) -> RobotState:
        """What cameras and arms have sent last; its stamps tell how old it is."""
        frames = {c: self._link.newest(Image, "camera", c) for c in self._hardware.cameras}
        arms = {arm: self._link.newest(JointState, "arm", arm) for arm in self._hardware.arms}
        return RobotState(
            {name: images.from_message(message) for name, message in frames.items()},
            np.concatenate([message.position for message in arms.values()]),
            {name: to_seconds(m.header.stamp) for name, m in (*frames.items(), *arms.items())},
        )

    def home(self, timeout_s: float = 60.0) -> None:
        """Leads both arms to their resting posture."""
        self._calls.ask("gate/home", Trigger.Request())
        link = self._link
        if not self._calls.until(lambda: link.at_home or link.estopped, timeout_s):
            raise RobotError(f"the arms are not home after {timeout_s:g} s")
        if link.estopped:
            raise RobotError("; ".join(link.problems()))

    def hold(self) -> None:
        """Brings the arms to rest; they hold until somebody is asked to lead."""
        self._calls.ask("gate/hold", Trigger.Request())

    def estop(self, level: int = EstopState.HOLD) -> None:
        """Presses the emergency stop, at a level of EstopState."""
        self._link.press_estop(level)

    def reset_scene(self, task: str = "", variant: str = "", seed: int = 0) -> None:
        """Has the twin place its objects anew; empty: of the present task and variant."""
        self._link.reset_scene(task, variant, seed)

    def run_policy(
        self,
        task: str,
        time_limit_s: float | None = None,
        checkpoint: str = "",
        video: str | Path = "episode.mp4",
    ) -> EpisodeResult:
        """Lets the policy act for one episode; then, and whatever goes wrong, the arms hold.

        Args:
            task: The one that the stack was launched for.
            time_limit_s: ROS time; None: that of the task.
            checkpoint: Folder of the policy; empty: the loaded one, or else that of the launch.
            video: File to make.
        """
        limit_s = time_limit_s or self._link.time_limit_s(task)
        self._link.load(task, checkpoint)
        if problems := self._link.problems():
            raise RobotError("; ".join(problems))
        episode = self._link.run(task, limit_s, self._judged, Path(video))
        assert episode.outcome is not None
        return EpisodeResult(episode.outcome.value, episode.reason, episode.elapsed_s)

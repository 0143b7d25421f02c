"""The twin as Gymnasium environments, one id for each task (see `vega_sim`)."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from vega_description.transforms import Array

import hw_config
from vega_sim.render import side_by_side
from vega_sim.twin import Twin

Observation = dict[str, NDArray[Any]]


class TwinEnv(gymnasium.Env[Any, Any]):
    """One task in the twin, one step a policy step (1 / control_hz of rates.yaml, 40 ms).

    Observation: `state` float32 [14] (rad, gripper m) and one uint8 [height, width, 3] image for
    each camera asked for. Action: float32 [14], absolute joint targets that the arms shall reach at
    the end of the step, in a straight line from the last ones. Reward 1 on success, else 0. The
    episode terminates on success and is truncated at the task's time limit. `info` holds
    `success`, `milestones` and `time_s`. The same seed gives the same episode, bit for bit.
    """

    metadata = {"render_modes": ["rgb_array"]}

    def __init__(
        self,
        task: str,
        variant: str = "easy",
        cameras: tuple[str, ...] | None = None,
        render_mode: str | None = None,
    ) -> None:
        """Builds the scene.

        Args:
            task: name of the task in hw_config.
            variant: "easy" or "hard".
            cameras: whose images an observation holds, None: all of the cell's; () renders
                nothing, which is fast.
            render_mode: None or "rgb_array": `render()` gives all cameras side by side.

        Raises:
            hw_config.ConfigError: The task, the variant or a camera is unknown.
        """
        self.twin = Twin(task, variant)
        self.render_mode = render_mode
        self._cameras = tuple(self.twin.hw.cameras if cameras is None else cameras)
        self.metadata = {**self.metadata, "render_fps": round(self.twin.hw.rates.control_hz)}
        self._time_limit_s = hw_config.load_task(task).time_limit_s
        limits = self.twin.hw.limits
        low, high = (np.array(bound, np.float32) for bound in (limits.lower, limits.upper))
        self.action_space = spaces.Box(low, high, dtype=np.float32)
        views: dict[str, spaces.Space[Any]] = {
            "state": spaces.Box(-np.inf, np.inf, (14,), np.float32)
        }
        for name in self._cameras:
            if name not in self.twin.hw.cameras:
                raise hw_config.ConfigError(
                    f"no camera {name!r}; the cell has: {', '.join(self.twin.hw.cameras)}"
                )
            camera = self.twin.hw.cameras[name]
            views[name] = spaces.Box(0, 255, (camera.height, camera.width, 3), np.uint8)
        self.observation_space = spaces.Dict(views)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Starts the episode of a seed; without one, of a number drawn from the last seed."""
        super().reset(seed=seed, options=options)
        self.twin.reset(int(self.np_random.integers(2**31)) if seed is None else seed)
        return self._observation(), self._info()

    def step(self, action: Array) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Moves towards `action` [14] for one policy step."""
        self.twin.advance(action)
        info = self._info()
        late = self.twin.time_s >= self._time_limit_s - 1e-9
        return self._observation(), float(info["success"]), info["success"], late, info

    def render(self) -> NDArray[np.uint8] | None:  # type: ignore[override]
        """All cameras side by side [height, sum of widths, 3], in "rgb_array" mode."""
        if self.render_mode is None:
            return None
        return side_by_side([self.twin.render(name) for name in self.twin.hw.cameras])

    def close(self) -> None:
        """Frees the OpenGL context."""
        self.twin.close()

    def _observation(self) -> Observation:
        state = self.twin.positions().astype(np.float32)
        return {"state": state, **{name: self.twin.render(name) for name in self._cameras}}

    def _info(self) -> dict[str, Any]:
        twin = self.twin
        return {
            "success": twin.success(),
            "milestones": twin.milestones(),
            "time_s": twin.time_s,
        }

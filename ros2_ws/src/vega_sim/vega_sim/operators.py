"""The scripted operator: solves a task as a person at the leader arms would; see `arm_script`."""

from __future__ import annotations

import numpy as np
from vega_description.transforms import Array

from vega_sim.arm_script import ArmScript, Phase
from vega_sim.twin import Twin


class Operator:
    """Solves one task with both arms."""

    def __init__(self, task: str) -> None:
        self.task = task
        self._scripts: dict[str, ArmScript] = {}

    @property
    def phases(self) -> dict[str, str]:
        """Present phase of each arm."""
        return {side: script.phase for side, script in self._scripts.items()}

    def reset(self, twin: Twin) -> None:
        """Starts anew from the twin's present state.

        Raises:
            ValueError: The twin has another task.
        """
        if twin.task.config.name != self.task:
            raise ValueError(
                f"the operator knows {self.task!r}, the twin has {twin.task.config.name!r}"
            )
        scripts = {script.side: script for script in twin.task.scripts(twin.world)}
        for side in twin.hw.arms:
            idle = ArmScript(twin.world, side, [Phase.home()])
            self._scripts[side] = scripts.get(side, idle)

    def act(self, twin: Twin) -> Array:
        """The next command [14] of both arms; call at the control rate, 25 Hz."""
        return np.concatenate([self._scripts[side].act() for side in twin.hw.arms])


def make(task: str) -> Operator:
    """The scripted operator of a task; call its `reset` with a twin first."""
    return Operator(task)

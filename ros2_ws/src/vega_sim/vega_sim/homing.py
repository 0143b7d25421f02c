"""The operator's way home, from wherever the arms are when a task is over or given up."""

from __future__ import annotations

import numpy as np
from vega_description.transforms import Array

from vega_sim.arm_script import Aim, ArmScript, Phase
from vega_sim.twin import Twin
from vega_sim.world import World

# Nearer than while working: arms that follow nobody any more can be handed over again there.
_MAX_TRACKING_ERROR_RAD = 0.12
_CLEAR_M = 0.22  # above the table, a tool swings home over what stands there
_NEAR_RAD = 0.3


class HomingMotion:
    """Leads both arms home: up first, so that they drag nothing along.

    The jaws stay as they are until an arm is nearly there.

    Args:
        twin: the scene.
        begins: [14], where the leaders begin.
    """

    def __init__(self, twin: Twin, begins: Array) -> None:
        world = twin.world
        self._scripts = {
            str(side): _script(world, str(side), float(begins[world.arm_slice(side)][6]))
            for side in twin.hw.arms
        }

    @property
    def phases(self) -> dict[str, str]:
        """Present phase of each arm."""
        return {side: script.phase for side, script in self._scripts.items()}

    def act(self, twin: Twin) -> Array:
        """The next command [14] of both arms; call at the control rate."""
        return np.concatenate([script.act() for script in self._scripts.values()])


def _script(world: World, side: str, opening_m: float) -> ArmScript:
    measured = world.arm_positions(side)
    tool = world.arms[side].tool(measured)
    rise = max(0.0, world.table_z + _CLEAR_M - float(tool[2, 3]))
    home = np.array(world.hw.home[world.arm_slice(side)])[:6]
    up = Aim(tool, opening_m=opening_m).shifted(up=rise)
    back = Aim(joints=home, opening_m=opening_m)

    def is_near() -> bool:
        return bool(np.abs(world.arm_positions(side)[:6] - home).max() < _NEAR_RAD)

    began_near = is_near()
    phases = [
        Phase("up", lambda: up, reach=0.012, skip=lambda: began_near, timeout_s=3.0),
        Phase("back", lambda: back, until=is_near, timeout_s=np.inf),
        Phase.home(),
    ]
    script = ArmScript(world, side, phases, _MAX_TRACKING_ERROR_RAD)
    script.begin_with(opening_m)
    return script

"""The digital twin: MuJoCo task scenes as Gymnasium environments, with a scripted operator.

Importing the package registers the environments, one for each module of `vega_sim.tasks` that
the cell has as a task:

    import gymnasium, vega_sim
    env = gymnasium.make("vega_sim/CloseLaptop-v0", variant="easy")
"""

import contextlib

import gymnasium

import hw_config
from vega_sim.tasks import built_tasks

for _name in built_tasks():
    # What is wrong with the cell is told by whoever reads it, not by an import.
    with contextlib.suppress(hw_config.ConfigError):
        gymnasium.register(
            id=hw_config.load_task(_name).env_id,
            entry_point="vega_sim.envs:TwinEnv",
            kwargs={"task": _name},
            order_enforce=True,
        )

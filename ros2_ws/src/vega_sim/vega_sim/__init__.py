"""The digital twin: MuJoCo task scenes as Gymnasium environments, with a scripted operator.

Importing the package registers the environments, one for each module of `vega_sim.tasks`:

    import gymnasium, vega_sim
    env = gymnasium.make("vega_sim/CloseLaptop-v0", variant="easy")
"""

import gymnasium

import hw_config
from vega_sim.tasks import built_tasks

for _name in built_tasks():
    gymnasium.register(
        id=hw_config.load_task(_name).env_id,
        entry_point="vega_sim.envs:TwinEnv",
        kwargs={"task": _name},
        order_enforce=True,
    )

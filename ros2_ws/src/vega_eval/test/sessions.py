"""Synthetic sessions for tests."""

from vega_eval.trials.blinding import PolicyIdentity
from vega_eval.trials.folder import SessionPlan
from vega_eval.trials.schedule import Placement
from vega_eval.trials.session_spec import TaskSpec

import hw_config


def policy(name, sha256=None):
    """A policy that nobody has."""
    return PolicyIdentity(
        name=name, checkpoint=f"/models/{name}", sha256=sha256 or f"sha of {name}"
    )


def placements(count):
    """Placements on a grid of three by three."""
    return [
        Placement(
            seed=100 + i,
            cell=(1 + i // 3 % 3, 1 + i % 3),
            spot=(0.5, -0.1, 5.0),
            description=f"{i}",
        )
        for i in range(count)
    ]


def plan(names=("ours", "theirs"), trials=3, **changes):
    """The plan of a session of close_laptop."""
    given = {
        "task_spec": TaskSpec.of(hw_config.load_task("close_laptop"), "easy"),
        "robot": "sim",
        "judge": "rules",
        "seed": 0,
        "trials_each": trials,
        "policies": tuple(policy(name) for name in names),
        "plan_placements": placements,
        "config_sha256": "c0ffee",
        "commit": "abc",
    }
    return SessionPlan(**{**given, **changes})

"""What needs neither ROS nor MuJoCo is imported without them."""

import json
import subprocess
import sys

import pytest

MODULES = (
    "vega_eval.checkpoints",
    "vega_eval.failure_types",
    "vega_eval.placements",
    "vega_eval.report.__main__",
    "vega_eval.scoring",
    "vega_eval.statistics",
    "vega_eval.trials.folder",
)
_BLOCKED = """
import importlib, json, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("mujoco", "rclpy", "vega_sim"):
            raise ImportError(name)
sys.meta_path.insert(0, Missing())
failed = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception as error:
        failed[name] = repr(error)
print(json.dumps(failed))
"""


@pytest.fixture(scope="module")
def failed():
    """What could not be imported, and why; one process for all, which takes seconds to start."""
    done = subprocess.run(
        [sys.executable, "-c", _BLOCKED, *MODULES], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("module", MODULES)
def test_neither_ros_nor_mujoco_is_needed(module, failed):
    assert module not in failed, failed[module]

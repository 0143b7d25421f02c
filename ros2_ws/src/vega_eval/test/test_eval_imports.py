"""What needs neither ROS nor MuJoCo is imported without them."""

import subprocess
import sys

import pytest

_BLOCKED = """
import importlib, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("mujoco", "rclpy", "vega_sim"):
            raise ImportError(name)
sys.meta_path.insert(0, Missing())
importlib.import_module(sys.argv[1])
"""


@pytest.mark.parametrize(
    "module",
    [
        "vega_eval.checkpoints",
        "vega_eval.failure_types",
        "vega_eval.placements",
        "vega_eval.report.__main__",
        "vega_eval.scoring",
        "vega_eval.statistics",
        "vega_eval.trials.folder",
    ],
)
def test_neither_ros_nor_mujoco_is_needed(module):
    done = subprocess.run(
        [sys.executable, "-c", _BLOCKED, module], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

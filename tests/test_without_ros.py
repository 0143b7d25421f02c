"""What needs no ROS runs where there is none, and nothing but what `pip install '.[sim]'` brings.

All other packages are out of reach here. `tests/fresh_sim.sh` runs the same with the Python of a
new environment, made for it.
"""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from teleop.export.formats import FORMATS
from vega_policy.tests.synthetic import SMALL, write_dataset

HERE = Path(__file__).resolve().parent
PYTHON = os.environ.get("VEGA_TEST_PYTHON", sys.executable)
PATIENCE_S = 300.0
ENVIRONMENT = """
import gymnasium, vega_sim
env = gymnasium.make("vega_sim/CloseLaptop-v0", variant="easy")
observation, _ = env.reset(seed=0)
after, *_ = env.step(env.action_space.sample())
assert set(after) == set(observation)
env.close()
"""
RECORD = """
import pathlib, sys
from teleop.export.synthetic import record
record(pathlib.Path(sys.argv[1]), episodes=1, seconds=1.0)
"""
KINEMATICS = """
import hw_config, numpy as np
from vega_description.kinematics import ArmKinematics
arm, home = ArmKinematics(), np.array(hw_config.load().home[:6])
assert arm.inverse(arm.tool(home), home + 0.1).position_error < 1e-3
"""


def brought(requirement: str) -> set[str]:
    """Names of all distributions that pip installs for a requirement, as of this environment."""
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(requirement)]
    for wanted in waiting:
        name, extras = metadata.Prepared.normalize(wanted.name), frozenset(wanted.extras)
        if (name, extras) in found:
            continue
        found.add((name, extras))
        for text in metadata.requires(name) or ():
            needed = Requirement(text)
            if any(
                needed.marker is None or needed.marker.evaluate({"extra": extra})
                for extra in extras or {""}
            ):
                waiting.append(needed)
    return {name for name, _ in found}


def absent() -> list[str]:
    """Top-level packages that a new environment would not have."""
    present = brought("vega-robot[sim]") | {"pip", "setuptools"}
    return sorted(
        package
        for package, names in metadata.packages_distributions().items()
        if not {metadata.Prepared.normalize(name) for name in names} & present
    )


@pytest.fixture(scope="module")
def without_ros(cell):
    """Runs Python in an environment like that of a fresh shell, without ROS, on short tasks."""
    environment = {k: v for k, v in os.environ.items() if "AMENT" not in k and "ROS" not in k}
    environment |= cell(time_limit_s=1.0)
    environment |= {"PYTHONPATH": str(HERE / "no_ros"), "VEGA_TEST_ABSENT": ",".join(absent())}

    def run(*arguments) -> str:
        done = subprocess.run(
            [PYTHON, *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            cwd=HERE.parent,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def evaluated(without_ros, tmp_path_factory):
    """The folder of a session in the twin, of one trial of a policy that holds still."""
    folder = tmp_path_factory.mktemp("runs")
    without_ros("-m", "vega_policy.kinds.hold", folder / "hold")
    command = "-m vega_eval.twin --task close_laptop --variant easy --trials 1 --workers 1"
    without_ros(*command.split(), "--checkpoint", folder / "hold", "--output", folder / "twin")
    return folder / "twin" / "close_laptop-easy"


@pytest.mark.parametrize("name", ["rclpy", "sensor_msgs.msg", "vega_msgs", "std_srvs", "launch"])
def test_ros_is_out_of_reach(without_ros, name):
    with pytest.raises(AssertionError, match="No module named"):
        without_ros("-c", f"import {name}")


def test_the_twin_is_a_gymnasium_environment(without_ros):
    without_ros("-c", ENVIRONMENT)


def test_kinematics(without_ros):
    without_ros("-c", KINEMATICS)


def test_evaluation_in_the_twin(evaluated):
    lines = [json.loads(line) for line in (evaluated / "trials.jsonl").read_text().splitlines()]
    assert [line["verdict"]["outcome"] for line in lines if "verdict" in line] == ["fail"]


def test_reports(without_ros, evaluated, tmp_path):
    without_ros("-m", "vega_eval.report", evaluated, "--out", tmp_path / "report")
    assert (tmp_path / "report" / "report.html").is_file()


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_exports(without_ros, tmp_path, form):
    without_ros("-c", RECORD, tmp_path / "recorded")
    export = ("-m", "teleop.export", tmp_path / "recorded", "--workers", 1, "--out")
    without_ros(*export, tmp_path / "out", "--format", form)
    assert (tmp_path / "out").is_dir()


def test_training(without_ros, tmp_path):
    dataset = write_dataset(tmp_path / "dataset", 3)
    command = ("-m", "vega_policy.train", "--recipe", "twin_close_laptop", "--steps", 1)
    without_ros(*command, "--dataset", dataset, "--out", tmp_path / "run", *SMALL)
    assert list((tmp_path / "run").rglob("policy.yaml"))


@pytest.mark.parametrize("module", ["vega_eval.twin", "vega_eval.report", "vega_sim.play"])
def test_help(without_ros, module):
    assert "usage" in without_ros("-m", module, "--help")

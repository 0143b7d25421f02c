"""A model may take its time to load: that long, nothing else runs out of patience."""

import os

import pytest
import yaml
from system import launched

from vega_policy.kinds.hold import make

# A kind of policy from outside, in every process of the launch.
REGISTERED = """
from vega_policy.kinds import KINDS
KINDS.register_lazily("slow", "slow_kind:KIND")
"""
KIND = """
import os
import time
from typing import Literal
from vega_policy.kinds.hold import HoldContract, HoldPolicy
from vega_policy.kinds.kind import Kind


class SlowContract(HoldContract):
    kind: Literal["slow"] = "slow"


def _open(folder, device, threads):
    time.sleep(float(os.environ["SLOW_S"]))
    return HoldPolicy(SlowContract.load(folder))


KIND = Kind(SlowContract, _open)
"""


@pytest.fixture
def slow(tmp_path, cell):
    """Launches a policy that takes so many seconds to load."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "sitecustomize.py").write_text(REGISTERED)
    (outside / "slow_kind.py").write_text(KIND)
    make(tmp_path / "policy")
    file = tmp_path / "policy" / "policy.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "kind": "slow"}))
    environment = {
        **cell(fps=10, time_limit_s=2.0),
        "PYTHONPATH": os.pathsep.join([os.fspath(outside), os.environ.get("PYTHONPATH", "")]),
    }

    def launch(seconds, *arguments):
        given = (f"checkpoint:={file.parent}", f"output:={tmp_path / 'run'}", *arguments)
        return launched(*given, environment={**environment, "SLOW_S": str(seconds)})

    return launch


def test_a_model_that_takes_long_is_waited_for_and_that_is_told(slow):
    with slow(12) as system:
        system.wait_for_line(r"waits for node policy to configure: 1\d of at most 600 s")
        assert system.wait() == 0, system.text
    assert system.count("not done within 2 s|RESULT close_laptop"), system.text


def test_a_model_that_takes_longer_than_it_may_ends_the_launch_with_what_was_waited_for(slow):
    with slow(60, "load_timeout:=3") as system:
        assert system.wait() != 0
    assert system.count("node policy did not configure within 3 s") == 1, system.text
    assert system.count("has not published|Traceback") == 0, system.text


def test_a_policy_without_a_model_says_that_it_takes_no_device(slow):
    with slow(0, "device:=cuda") as system:
        assert system.wait() == 0, system.text
    assert system.count("device:=cuda: a policy of kind slow has no model; it runs on the CPU") == 1

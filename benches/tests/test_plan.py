"""The bench of plans, at a size of thousands of weights."""

import json

import pytest
import torch

from benches import plan
from vega_policy.tests.small_models import OVERRIDES


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.parametrize("fields", [(), ("training.gradient_checkpointing=true",)])
def test_a_plan_has_the_bytes_of_a_real_step(tmp_path, capsys, fields):
    file = tmp_path / "plan.json"
    bfloat = ("training.precision=bfloat16", "training.micro_batch=4", *fields)
    command = ["--recipe", "twin_vega", "--check", "--json", str(file), *OVERRIDES, *bfloat]
    assert plan.main(command) == 0, capsys.readouterr().out
    found = json.loads(file.read_text())["twin_vega"]
    assert max(found["percent_off"].values()) <= plan.WANTED_PERCENT
    assert found["measured"]["fullest"] > found["measured"]["kept"] > 0


def test_a_plan_that_is_off_fails_the_check(capsys, monkeypatch):
    monkeypatch.setattr(plan, "_added_by", lambda trainer: 10**9)
    assert plan.main(["--recipe", "twin_oft", "--check", *OVERRIDES]) == 1
    assert "FAILED: twin_oft fullest" in capsys.readouterr().out

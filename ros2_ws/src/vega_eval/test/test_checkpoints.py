"""What people are told of a policy before its first trial."""

from types import SimpleNamespace

import pytest
from vega_eval import checkpoints
from vega_eval.checkpoints import untrained_for
from vega_eval.errors import EvalError

import hw_config
from vega_policy.kinds import load_contract
from vega_policy.recipe import models_dir

TWIN = SimpleNamespace(name="twin", checkpoint=str(models_dir() / "twin"))


def told(monkeypatch, text, task="close_laptop"):
    """What is said of the shipped policy where a task has this instruction."""
    config = hw_config.load_task(task).model_copy(update={"instruction": text})
    monkeypatch.setattr(checkpoints, "load_task", lambda name: config)
    return untrained_for([TWIN], task)


def test_nothing_is_said_of_what_a_policy_was_trained_on(monkeypatch):
    assert told(monkeypatch, "close the laptop") == []
    assert told(monkeypatch, " Close the laptop ") == []


def test_another_instruction_is_told_with_what_the_policy_knows(monkeypatch):
    [line] = told(monkeypatch, "shut the computer")
    assert line.startswith("twin: the policy is told 'shut the computer'; its policy.yaml names")
    assert "names only 'close the laptop', one for each task" in line


def test_another_task_is_told_too(monkeypatch):
    lines = told(monkeypatch, "hand it over", "handover_cucumber")
    assert lines[0] == "twin was not trained on handover_cucumber, only on close_laptop"
    assert len(lines) == 2


def test_thousands_of_instructions_make_one_short_line(monkeypatch):
    known = {f"task {n}": (f"put mug {n} on the rack",) for n in range(5000)}
    contract = load_contract(models_dir() / "twin").model_copy(update={"instructions": known})
    monkeypatch.setattr(checkpoints, "load_contract", lambda folder: contract)
    [line] = told(monkeypatch, "put mug 77 onto the rack")
    assert "trained on 'put mug 77 on the rack', " in line
    assert len(line) < 300


@pytest.mark.parametrize(
    "text", ["", " ", "close\u200bit", "close it</s>", "close \ud800", "a\x07b"]
)
def test_what_no_policy_can_be_told_is_refused(monkeypatch, text):
    with pytest.raises(EvalError, match="the instruction of task close_laptop: "):
        told(monkeypatch, text)

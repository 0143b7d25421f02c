"""How a run ends: told to stop, out of numbers, out of memory, nowhere to write."""

import errno
import os
import re
import tempfile
from types import SimpleNamespace

import pytest
import torch
from torch.distributed.run import get_args_parser

from vega_policy import train
from vega_policy.errors import RecipeError
from vega_policy.recipe import models_dir
from vega_policy.tests.synthetic import SMALL
from vega_policy.tests.test_training import log, trainer
from vega_policy.training import loop
from vega_policy.training.objective import Objective
from vega_policy.training.run_folder import STATE

pytestmark = pytest.mark.usefixtures("on_the_cpu")
HELD_OUT = "data.validation_episodes=1"


def test_a_few_bad_steps_in_a_row_end_the_run_and_what_was_saved_stays(dataset, tmp_path):
    run = trainer(tmp_path, dataset, "training.steps=9", "training.save_every=1")
    accumulate, steps = run._optimizer.accumulate, []

    def spoilt():
        accumulate()
        steps.append(len(steps))
        if len(steps) > 2:
            run._optimizer.masters[0].grad.view(-1)[0] = float("nan")

    run._optimizer.accumulate = spoilt
    with pytest.raises(RecipeError, match=r"not finite at step 5.*--resume goes on from there"):
        run.run()
    state = torch.load(tmp_path / STATE, weights_only=True)
    assert state["step"] == 4
    assert all(torch.isfinite(master).all() for master in state["optimizer"]["masters"])


def test_who_stops_a_run_gets_the_state_first_and_no_validation(dataset, tmp_path):
    run = trainer(tmp_path, dataset, "training.steps=9", HELD_OUT)
    order = []
    write_state, write_checkpoint = run._folder.write_state, run._write_checkpoint
    run._folder.write_state = lambda state: (order.append("state"), write_state(state))
    run._write_checkpoint = lambda: (order.append("checkpoint"), write_checkpoint())
    run.request_stop()
    assert not run.run()
    assert order == ["state", "checkpoint"]
    assert log(tmp_path, "val_action") == []
    assert torch.load(tmp_path / STATE, weights_only=True)["step"] == 1


def test_a_save_that_takes_longer_than_the_launcher_waits_is_told(dataset, tmp_path):
    lines = []
    run = trainer(tmp_path, dataset, "training.steps=1", lines=lines)
    run._ranks = SimpleNamespace(size=2, is_first=True)
    run._report_saved(None, took_s=100.0)
    (line,) = [line for line in lines if "torchrun" in line]
    assert "saving took 100 s; torchrun kills a run 30 s after Ctrl-C" in line
    option = re.search(r"torchrun (--[\w-]+ \d+)", line)[1]
    parsed = get_args_parser().parse_args([*option.split(), "script"])
    assert parsed.shutdown_timeout >= 200
    run._report_saved(None, took_s=5.0)
    assert sum("torchrun" in line for line in lines) == 1


def test_the_guide_starts_torchrun_with_an_option_that_it_has():
    page = (models_dir().parent / "docs" / "training.md").read_text(encoding="utf-8")
    options = re.search(r"torchrun (--nproc-per-node N --[\w-]+ \d+) -m vega_policy", page)[1]
    words = options.replace(" N ", " 2 ").split()
    parsed = get_args_parser().parse_args([*words, "script"])
    assert parsed.shutdown_timeout > loop.LAUNCHER_PATIENCE_S


def no_room_on_the_cpu(*anything):
    torch.empty(2**60, dtype=torch.uint8)  # more than any computer has


def no_room_on_the_gpu(*anything):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ...")


@pytest.mark.parametrize("forward", [no_room_on_the_cpu, no_room_on_the_gpu])
def test_memory_that_runs_out_says_what_to_lower(forward, dataset, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Objective, "forward", forward)
    command = ["--recipe", "twin_close_laptop", "--dataset", str(dataset), *SMALL]
    assert train.main([*command, "--out", str(tmp_path / "run"), "training.micro_batch=2"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: out of memory on cpu: lower training.micro_batch (now 2)")
    assert "training.gradient_checkpointing=true" in error
    assert error.count("\n") == 1


def test_validation_takes_no_more_at_once_than_training(dataset, tmp_path, monkeypatch):
    forward, sizes = Objective.forward, []

    def counted(self, batch, *rest):
        sizes.append(len(batch.views))
        return forward(self, batch, *rest)

    monkeypatch.setattr(Objective, "forward", counted)
    options = ("training.steps=1", "training.micro_batch=2", HELD_OUT)
    assert trainer(tmp_path, dataset, *options).run()
    assert log(tmp_path, "val_action")
    assert max(sizes) == 2


def test_a_folder_that_may_only_be_read_is_refused_first(dataset, tmp_path, monkeypatch, capsys):
    def refused(*args, **kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    command = ["--recipe", "twin_close_laptop", "--dataset", str(dataset), *SMALL]
    assert train.main([*command, "--out", str(tmp_path / "run")]) == 2
    assert f"error: cannot write to {tmp_path / 'run'}" in capsys.readouterr().err

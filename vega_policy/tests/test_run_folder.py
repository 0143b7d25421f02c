"""What a run leaves on the disk, whatever ended it."""

import json
import shutil
import threading
from collections import namedtuple

import pytest
import torch

from vega_policy.data.npz import NpzSource
from vega_policy.errors import CheckpointError, RecipeError
from vega_policy.tests.test_data import opened
from vega_policy.tests.test_training import log, trainer
from vega_policy.training.run_folder import STATE, RunFolder

pytestmark = pytest.mark.usefixtures("on_the_cpu")
EACH_STEP = ("training.save_every=1", "training.log_every=1")


def one_infinite_gradient(run, at):
    """Lets one step of a run have a gradient that is no number."""
    accumulate, steps = run._optimizer.accumulate, []

    def spoilt():
        accumulate()
        steps.append(len(steps))
        if len(steps) == at:
            run._optimizer.masters[0].grad.view(-1)[0] = float("inf")

    run._optimizer.accumulate = spoilt


def test_one_infinite_gradient_at_a_save_costs_one_step(dataset, tmp_path):
    lines = []
    run = trainer(tmp_path, dataset, "training.steps=4", *EACH_STEP, lines=lines)
    one_infinite_gradient(run, at=2)
    assert run.run()
    assert "step 2: gradients are not finite, the step is left out" in lines
    state = torch.load(tmp_path / STATE, weights_only=True)
    assert state["step"] == 4
    assert all(torch.isfinite(master).all() for master in state["optimizer"]["masters"])


def test_what_is_not_finite_is_never_saved(dataset, tmp_path):
    run = trainer(tmp_path, dataset, "training.steps=4", *EACH_STEP)
    run.save()
    before = (tmp_path / STATE).read_bytes()
    run._optimizer.masters[0].view(-1)[0] = float("nan")
    with pytest.raises(RecipeError, match="not finite at step 0"):
        run.save()
    assert (tmp_path / STATE).read_bytes() == before


def test_the_last_checkpoints_and_the_best_stay(dataset, tmp_path):
    steps = ("training.steps=4", "training.keep=3", "data.validation_episodes=1")
    assert trainer(tmp_path, dataset, *steps, *EACH_STEP).run()
    kept = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert kept == {"checkpoint", "checkpoint-2", "checkpoint-3", "best"}
    held_out = log(tmp_path, "val_action")
    best = tmp_path / "best" / "policy.yaml"
    is_newest = best.samefile(tmp_path / "checkpoint" / "policy.yaml")
    assert is_newest == (min(held_out) == held_out[-1])


def test_a_resumed_log_has_every_step_once(dataset, tmp_path):
    options = ("training.log_every=1", "training.save_every=2")
    assert trainer(tmp_path, dataset, "training.steps=2", *options).run()
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write(json.dumps({"step": 3, "action": 1.0}) + '\n{"step": 4, "act')
    run = trainer(tmp_path, dataset, "training.steps=4", *options)
    run.resume()
    assert run.run()
    entries = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in entries if "action" in entry] == [1, 2, 3, 4]


def test_a_resumed_run_knows_its_best_and_of_which_step_its_checkpoint_is(dataset, tmp_path):
    options = ("data.validation_episodes=1", "training.keep=3", *EACH_STEP)
    assert trainer(tmp_path, dataset, "training.steps=2", *options).run()
    resumed = trainer(tmp_path, dataset, "training.steps=4", *options)
    resumed.resume()
    assert resumed._best == min(log(tmp_path, "val_action"))
    # Killed after the state of step 3, before its checkpoint: the one that is there is of step 2.
    resumed.step = 3
    resumed._folder.write_state(resumed._state())
    again = trainer(tmp_path, dataset, "training.steps=4", *options)
    again.resume()
    assert again.run()
    assert (tmp_path / "checkpoint-2").is_dir()
    assert not (tmp_path / "checkpoint-3").exists()


def test_a_run_with_nothing_left_to_do_says_so(dataset, tmp_path):
    assert trainer(tmp_path, dataset, "training.steps=2").run()
    lines = []
    run = trainer(tmp_path, dataset, "training.steps=2", lines=lines)
    run.resume()
    assert "the run has done its 2 steps: nothing is left to do" in lines


def test_a_kill_between_the_two_renames_of_a_save_costs_no_checkpoint(tmp_path):
    (tmp_path / "checkpoint.replaced").mkdir()
    (tmp_path / "checkpoint.replaced" / "policy.yaml").write_text("kind: vega\n")
    (tmp_path / "checkpoint.partial").mkdir()
    folder = RunFolder(tmp_path, keep=2)
    folder.make_whole()
    assert (folder.checkpoint / "policy.yaml").read_text() == "kind: vega\n"
    assert not (tmp_path / "checkpoint.replaced").exists()


def test_a_disk_without_room_for_a_save_is_told_before_the_first_step(
    dataset, tmp_path, monkeypatch
):
    run = trainer(tmp_path, dataset, "training.steps=2")
    usage = namedtuple("usage", "total used free")(10, 9, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(CheckpointError, match=r"saving needs .* GB below .* keep fewer"):
        run.run()
    assert not (tmp_path / "log.jsonl").exists()


def test_a_state_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path, keep=1)
    folder.write_state({"step": 1})

    def full(state, path):
        path.write_bytes(b"half")
        raise RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(CheckpointError, match="the state before it is kept"):
        folder.write_state({"step": 2})
    assert torch.load(tmp_path / STATE, weights_only=True) == {"step": 1}
    assert not (tmp_path / f"{STATE}.partial").exists()


def test_two_runs_on_one_dataset_make_its_frames_once(dataset, tmp_path, monkeypatch):
    folder = shutil.copytree(dataset, tmp_path / "copy", ignore=shutil.ignore_patterns(".cache"))
    begun, go_on = threading.Event(), threading.Event()
    views, lines, results = NpzSource.views, [], []

    def slow(self, episode):
        begun.set()
        assert go_on.wait(60)
        return views(self, episode)

    monkeypatch.setattr(NpzSource, "views", slow)
    first = threading.Thread(target=lambda: results.append(opened(folder)))
    first.start()
    assert begun.wait(60)
    second = threading.Thread(target=lambda: results.append(opened(folder, lines=lines)))
    second.start()
    while second.is_alive() and not any("waiting for it" in line for line in lines):
        second.join(0.01)
    go_on.set()
    first.join(60)
    second.join(60)
    assert len(results) == 2
    assert not any(line.startswith("frames:") for line in lines)

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from vega_policy.errors import RecipeError
from vega_policy.inference import VegaRunner
from vega_policy.recipe import OptimizerRecipe, load_recipe
from vega_policy.tests.synthetic import SMALL, small_recipe
from vega_policy.tests.test_inference import make_observation
from vega_policy.training import augmentation
from vega_policy.training.loop import Trainer
from vega_policy.training.optimizer import MasterAdamW, learning_rate
from vega_policy.training.ranks import Ranks
from vega_policy.training.run_folder import STATE
from vega_policy.training.sampling import sample_numbers

pytestmark = pytest.mark.usefixtures("on_the_cpu")


def trainer(out, dataset, *overrides, lines=None, recipe="twin_close_laptop"):
    out.mkdir(parents=True, exist_ok=True)
    report = (lines if lines is not None else []).append
    return Trainer(load_recipe(recipe, [*SMALL, *overrides]), dataset, out, Ranks(), report)


def log(out, key="action"):
    entries = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [entry[key] for entry in entries if key in entry]


def weights(out):
    folder = out / "checkpoint"
    return {p.name: load_file(p) for p in sorted(folder.glob("*.safetensors"))}


def test_learning_rate_schedules():
    drop = OptimizerRecipe(learning_rate=1.0, schedule="drop", decay_at=10)
    assert [learning_rate(drop, step, 20) for step in (0, 9, 10, 19)] == [1, 1, 0.1, 0.1]
    cosine = OptimizerRecipe(learning_rate=1.0, schedule="cosine")
    assert learning_rate(cosine, 10, 20) == pytest.approx(0.5)
    cooldown = OptimizerRecipe(learning_rate=1.0, schedule="cooldown", decay_share=0.5)
    rates = [learning_rate(cooldown, step, 20) for step in (0, 10, 15, 20)]
    assert rates == pytest.approx([1, 1, 0.5, 0])


def test_warm_up_does_not_undo_the_drop():
    recipe = OptimizerRecipe(learning_rate=1.0, schedule="drop", decay_at=5, warmup_steps=10)
    rates = [learning_rate(recipe, step, 20) for step in (0, 4, 5, 10)]
    assert rates == pytest.approx([0.1, 0.46, 0.055, 0.1])


def test_every_epoch_takes_every_sample_once():
    steps = [sample_numbers(10, 4, 0, step) for step in range(5)]
    epochs = np.concatenate(steps).reshape(2, 10)
    assert [sorted(epoch) for epoch in epochs.tolist()] == [list(range(10))] * 2
    assert epochs[0].tolist() != epochs[1].tolist()
    assert (sample_numbers(10, 4, 0, 3) == steps[3]).all()
    assert (sample_numbers(10, 4, 1, 3) != steps[3]).any()
    assert sorted(sample_numbers(3, 7, 0, 0)[:6].tolist()) == [0, 0, 1, 1, 2, 2]


def test_augmentation_is_drawn_for_each_view():
    recipe = small_recipe()
    crops, jitter = augmentation.draw(recipe, 200, np.random.default_rng(0))
    side = 0.9**0.5
    for start in (crops.top, crops.left):
        assert 0 <= start.min() < 0.01
        assert 0.99 * (1 - side) < start.max() <= 1 - side
    assert not torch.equal(crops.top, crops.left)
    changes = recipe.data.augmentation
    assert jitter.brightness.abs().max() <= changes.brightness
    assert (jitter.saturation - 1).abs().max() <= changes.saturation
    assert jitter.hue.abs().max() <= changes.hue
    part, part_jitter = augmentation.part_of((crops, jitter), slice(3, 5), torch.device("cpu"))
    assert torch.equal(part.left, crops.left[3:5])
    assert torch.equal(part_jitter.hue, jitter.hue[3:5])


def test_augmentation_can_follow_the_reference_or_be_off():
    diagonal = small_recipe("data.augmentation.diagonal_crops=true")
    crops, _ = augmentation.draw(diagonal, 9, np.random.default_rng(0))
    assert torch.equal(crops.top, crops.left)
    off = small_recipe("data.augmentation.enabled=false")
    crops, jitter = augmentation.draw(off, 2, np.random.default_rng(0))
    assert jitter is None
    assert crops.top.tolist() == pytest.approx([(1 - 0.9**0.5) / 2] * 2)


def test_the_optimizer_works_in_float32_on_any_weights():
    parameter = torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    recipe = OptimizerRecipe(learning_rate=1e-4, schedule="drop", weight_decay=0)
    optimizer = MasterAdamW([parameter], recipe, Ranks())
    for step in range(10):
        for _ in range(2):  # micro-batches add up
            parameter.grad = torch.full((3,), 0.5, dtype=torch.bfloat16)
            optimizer.accumulate()
            assert parameter.grad is None
        optimizer.step(step, 10)
    # 10 steps of 1e-4 would each be rounded away in bfloat16.
    assert optimizer.masters[0].tolist() == pytest.approx([1 - 1e-3] * 3, abs=1e-6)
    assert parameter.tolist() == [float(torch.tensor(1 - 1e-3).bfloat16())] * 3


def test_averaged_weights_lag_behind():
    parameter = torch.nn.Parameter(torch.zeros(1))
    recipe = OptimizerRecipe(learning_rate=0.1, schedule="drop", weight_decay=0, ema=0.9)
    optimizer = MasterAdamW([parameter], recipe, Ranks())
    for step in range(5):
        parameter.grad = torch.ones(1)
        optimizer.accumulate()
        optimizer.step(step, 5)
    assert parameter.item() == pytest.approx(-0.5, abs=1e-3)
    optimizer.use_averages()
    assert -0.45 < parameter.item() < -0.2
    optimizer.use_masters()
    assert parameter.item() == pytest.approx(-0.5, abs=1e-3)


def test_training_lowers_both_losses_and_leaves_a_policy(dataset, tmp_path):
    overrides = ("training.steps=60", "training.optimizer.learning_rate=3e-3")
    lines = []
    assert trainer(tmp_path, dataset, *overrides, lines=lines).run()
    for key in ("action", "align"):
        losses = log(tmp_path, key)
        assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
    assert len(log(tmp_path, "val_action")) == 1
    assert lines[-1].startswith("saved")
    assert "60/60" in lines[-2]
    chunk = VegaRunner.load(tmp_path / "checkpoint").infer(make_observation(0))
    assert chunk.values.shape == (5, 14)


def test_a_run_that_was_stopped_goes_on_exactly(dataset, tmp_path):
    steps = "training.steps=6"
    whole = trainer(tmp_path / "whole", dataset, steps)
    assert whole.run()

    first = trainer(tmp_path / "parts", dataset, steps)
    first._report = lambda line: first.request_stop() if line.startswith("step 3/") else None
    assert not first.run()
    assert first.step == 4
    second = trainer(tmp_path / "parts", dataset, steps)
    second.resume()
    assert second.step == 4
    assert second.run()

    assert log(tmp_path / "parts") == log(tmp_path / "whole")
    expected = weights(tmp_path / "whole")
    for name, state in weights(tmp_path / "parts").items():
        for key, value in state.items():
            assert torch.equal(value, expected[name][key]), key


def test_micro_batches_add_up_to_the_batch(dataset, tmp_path):
    trainer(tmp_path / "whole", dataset, "training.steps=3").run()
    trainer(tmp_path / "parts", dataset, "training.steps=3", "training.micro_batch=2").run()
    assert log(tmp_path / "parts") == pytest.approx(log(tmp_path / "whole"), abs=1e-6)
    assert log(tmp_path / "parts", "align") == pytest.approx(
        log(tmp_path / "whole", "align"), abs=1e-6
    )
    with pytest.raises(RecipeError, match="1 processes in micro-batches of 3"):
        trainer(tmp_path, dataset, "training.micro_batch=3")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_two_processes_equal_one(dataset, tmp_path):
    """Over 20 steps; to the last bit if one process computes the batch in the same two parts."""
    overrides = (*SMALL, "training.steps=20", "training.optimizer.warmup_steps=20")
    command = [sys.executable, "-m", "vega_policy.train", "--recipe", "twin_close_laptop"]
    command += ["--dataset", str(dataset), "--out", str(tmp_path / "two"), *overrides]
    shared = os.environ | {
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "GLOO_SOCKET_IFNAME": "lo",
        "OMP_NUM_THREADS": "1",
    }
    processes = [
        subprocess.Popen(command, env=shared | {"RANK": str(rank)}, stdout=subprocess.PIPE)
        for rank in range(2)
    ]
    trainer(tmp_path / "one", dataset, *overrides).run()
    trainer(tmp_path / "parts", dataset, *overrides, "training.micro_batch=4").run()
    outputs = [process.communicate(timeout=120)[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert "20/20" in outputs[0]
    assert outputs[1] == ""
    for key in ("action", "first", "align", "val_action"):
        two = log(tmp_path / "two", key)
        assert two == pytest.approx(log(tmp_path / "one", key), abs=1e-5)
        assert two == log(tmp_path / "parts", key)
    state = torch.load(tmp_path / "two" / STATE, weights_only=True)
    same = torch.load(tmp_path / "parts" / STATE, weights_only=True)
    for a, b in zip(state["optimizer"]["masters"], same["optimizer"]["masters"]):
        assert torch.equal(a, b)


def test_a_vocabulary_smaller_than_the_tokenizers_is_refused(dataset, tmp_path):
    with pytest.raises(RecipeError, match="the tokenizer has 462 tokens"):
        trainer(tmp_path, dataset, "model.llm.vocab_size=400")


def test_a_loss_that_explodes_ends_the_run_before_it_is_saved(dataset, tmp_path):
    overrides = ("training.steps=4", "training.log_every=50", "training.save_every=3")
    broken = trainer(tmp_path, dataset, *overrides)
    broken.objective.policy.projector.fc1.bias.data.fill_(float("nan"))
    with pytest.raises(RecipeError, match="the loss is not finite at step 3"):
        broken.run()
    assert not (tmp_path / "checkpoint").exists()

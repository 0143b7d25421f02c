"""Every recipe that is meant for training, trained at a tiny size: alone, and by two processes."""

import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from vega_policy import checkpoint, train
from vega_policy.checkpoint.names import part_file
from vega_policy.inference import VegaRunner
from vega_policy.recipe import load_recipe, recipe_names
from vega_policy.tests.small_models import OVERRIDES, TRAINED, write_small_models
from vega_policy.tests.test_inference import make_observation
from vega_policy.tests.test_training import log
from vega_policy.training.loop import Trainer
from vega_policy.training.ranks import Ranks
from vega_policy.training.run_folder import STATE

pytestmark = pytest.mark.usefixtures("on_the_cpu")

HEADS = {
    "l1": (),
    "diffusion": ("model.head=diffusion", "model.action_tokens=per_dim"),
    "discrete": ("model.head=discrete", "model.action_tokens=per_dim"),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_small_models(tmp_path_factory.mktemp("small") / "models")


@pytest.fixture(autouse=True)
def shown(models, monkeypatch):
    monkeypatch.setenv("VEGA_MODELS", str(models))


def run(out, dataset, name, *overrides, lines=None):
    out.mkdir(parents=True, exist_ok=True)
    recipe = load_recipe(name, [*OVERRIDES, *overrides])
    return Trainer(recipe, dataset, out, Ranks(), (lines if lines is not None else []).append)


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_every_recipe_is_trained_here_or_states_sizes_alone():
    assert set(recipe_names()) - set(TRAINED) == {"openvla_oft_7b", "mid"}


@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize("head", HEADS)
def test_every_head_learns(dataset, tmp_path, head, lora):
    name = "oft" if lora else "twin_close_laptop"
    rate = "training.optimizer.learning_rate=3e-3"
    assert run(tmp_path, dataset, name, *HEADS[head], "training.steps=60", rate).run()
    losses = log(tmp_path)
    assert np.mean(losses[-8:]) < 0.75 * np.mean(losses[:4])
    chunk = VegaRunner.load(tmp_path / "checkpoint").infer(make_observation(0))
    assert chunk.values.shape == (5, 14)


@pytest.mark.parametrize("overrides", [(), HEADS["diffusion"], ("lora.dropout=0.2",)])
def test_a_run_with_lora_that_was_stopped_goes_on_exactly(dataset, tmp_path, overrides):
    def start(out):
        return run(tmp_path / out, dataset, "vega", *overrides, "training.steps=6")

    assert start("whole").run()
    first = start("parts")
    first._report = lambda line: first.request_stop() if line.startswith("step 3/") else None
    assert not first.run()
    second = start("parts")
    second.resume()
    assert second.step == 4
    assert second.run()
    for key in ("action", "align"):
        assert log(tmp_path / "parts", key) == log(tmp_path / "whole", key)
    for path in sorted((tmp_path / "whole" / "checkpoint").rglob("*.safetensors")):
        state = load_file(tmp_path / "parts" / path.relative_to(tmp_path / "whole"))
        for key, value in load_file(path).items():
            assert torch.equal(value, state[key]), key


def test_a_checkpoint_with_lora_holds_what_was_trained_and_acts(dataset, tmp_path):
    lines = []
    trainer = run(tmp_path, dataset, "vega", "training.steps=8", lines=lines)
    base = {k: v.clone() for k, v in trainer.objective.policy.state_dict().items()}
    trainer.run()
    assert re.search(r"parameters, [\d,]+ of them trained, 50 samples", "\n".join(lines))
    after = trainer.objective.policy.state_dict()
    trained = {k for k, w in trainer.objective.policy.named_parameters() if w.requires_grad}
    for key, value in base.items():
        assert torch.equal(after[key], value) != (key in trained), key
    folder = tmp_path / "checkpoint"
    assert files(folder) == {
        "policy.yaml",
        "config.json",
        "dataset_statistics.json",
        "tokenizer.json",
        "lora_adapter/adapter_config.json",
        "lora_adapter/adapter_model.safetensors",
        *(part_file(p) for p in ("action_head", "proprio_projector", "vision_backbone")),
        part_file("align_projector"),
    }
    loaded = checkpoint.load(folder)
    assert loaded.contract.base_checkpoint == "openvla-7b"
    assert loaded.contract.adapter == "separate"
    sample = trainer._train.batch(np.arange(2))
    pixels = torch.randn(2, 18, 28, 28, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = trainer.objective.policy.eval()(pixels, sample.proprio, sample.text).actions
        found = loaded.policy(pixels, sample.proprio, sample.text).actions
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_averaged_weights_of_lora_are_what_is_saved(dataset, tmp_path):
    def adapter(out, *overrides):
        run(tmp_path / out, dataset, "vega", "training.steps=6", *overrides).run()
        return load_file(tmp_path / out / "checkpoint/lora_adapter/adapter_model.safetensors")

    last, averaged = adapter("last"), adapter("averaged", "training.optimizer.ema=0.9")
    key = next(key for key in last if key.endswith("fc1.lora_B.weight"))
    assert 0 < averaged[key].abs().mean() < last[key].abs().mean()


def test_a_base_may_be_trained_whole(dataset, tmp_path):
    """Weights that no pass uses keep the base's values to the last bit."""
    trainer = run(tmp_path, dataset, "oft", "lora=null", "training.steps=3")
    before = {k: v.clone() for k, v in trainer.objective.policy.state_dict().items()}
    trainer.run()
    after = trainer.objective.policy.state_dict()
    same = {key for key, value in before.items() if torch.equal(value, after[key])}
    assert "language_model.lm_head.weight" in same
    assert "vision_backbone.fused_featurizer.attn_pool.kv.weight" in same
    assert "language_model.model.layers.0.mlp.up_proj.weight" not in same
    unused = ("lm_head", "blocks.2.", "attn_pool", "featurizer.norm.")
    assert all(any(part in key for part in unused) for key in same), same
    saved = load_file(tmp_path / "checkpoint" / "model.safetensors")
    assert {key for key in same if ".scale." not in key and ".shift." not in key} <= set(saved)
    checkpoint.load(tmp_path / "checkpoint")


def test_gradient_checkpointing_changes_nothing_but_memory(dataset, tmp_path):
    for name in ("oft_sf", "twin_vega"):
        plain = run(tmp_path / name, dataset, name, "training.steps=3")
        plain.run()
        twice = run(
            tmp_path / f"{name}-twice",
            dataset,
            name,
            "training.steps=3",
            "training.gradient_checkpointing=true",
        )
        assert twice.objective.policy.language_model.model.layers[0].gradient_checkpointing
        twice.run()
        for key in ("action", "align"):
            assert log(tmp_path / f"{name}-twice", key) == pytest.approx(
                log(tmp_path / name, key), abs=1e-6
            )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vega", "base_checkpoint=none"], "hf download openvla/openvla-7b --local-dir "),
        (
            ["vega", "alignment.fit3d.checkpoint=teachers/none.pth"],
            "none.pth are missing. The paper",
        ),
        (["vega_vggt", "alignment.vggt.checkpoint=none.pt"], "hf download facebook/VGGT-1B"),
        (["vega", "alignment.fit3d.dim=1024"], "is 16 wide: correct the recipe"),
        (["oft", "model.dino.dim=48"], "expected"),
        (["oft", "lora.rank=0"], "lora.rank: Input should be greater than 0"),
        (["oft", "lora.ranks=8"], "lora.ranks: Extra inputs"),
        (["twin_vega", "alignment.method=rocket"], "set alignment.teacher=vggt"),
        (["twin_sf", "alignment.spatial_forcing.layer=24"], "the language model has 2 layers"),
    ],
)
def test_what_a_recipe_asks_for_and_cannot_have(dataset, tmp_path, capsys, arguments, message):
    name, *overrides = arguments
    command = ["--recipe", name, "--dataset", str(dataset), "--out", str(tmp_path / "out")]
    assert train.main([*command, *OVERRIDES, *overrides]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error


def test_resume_refuses_other_lora(dataset, tmp_path, capsys):
    command = ["--recipe", "oft", "--dataset", str(dataset), "--out", str(tmp_path / "out")]
    command += [*OVERRIDES, "training.steps=2"]
    assert train.main(command) == 0
    assert (tmp_path / "out" / STATE).exists()
    assert train.main([*command, "--resume", "training.steps=3", "lora.rank=8"]) == 2
    assert "lora.rank: the run has 32, the recipe 8" in capsys.readouterr().err
    assert train.main([*command, "--resume", "training.steps=3", "lora=null"]) == 2
    assert "lora.rank: the run has 32, the recipe None" in capsys.readouterr().err

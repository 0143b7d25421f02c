import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from vega_policy import checkpoint
from vega_policy.checkpoint.names import part_file
from vega_policy.errors import CheckpointError
from vega_policy.tests import synthetic

KEY = "language_model.model.layers.0.self_attn.q_proj.weight"


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "checkpoint")


def change_weights(path, change):
    state = load_file(path)
    change(state)
    save_file(state, path)


def test_files_and_names_of_the_public_layout(saved):
    names = {path.name for path in saved.iterdir()}
    assert names == {
        "policy.yaml",
        "config.json",
        "model.safetensors",
        "vision_backbone--latest_checkpoint.safetensors",
        "action_head--latest_checkpoint.safetensors",
        "proprio_projector--latest_checkpoint.safetensors",
        "align_projector--latest_checkpoint.safetensors",
        "dataset_statistics.json",
        "tokenizer.json",
    }
    model = load_file(saved / "model.safetensors")
    assert {key.split(".")[0] for key in model} == {
        "vision_backbone",
        "projector",
        "language_model",
    }
    assert "vision_backbone.featurizer.blocks.0.ls1.scale_factor" in model
    film = load_file(saved / part_file("vision_backbone"))
    assert "vision_backbone.fused_featurizer.blocks.1.shift.bias" in film
    assert len(film) == 2 * 2 * 4  # towers, computed blocks, weights and biases
    head = load_file(saved / part_file("action_head"))
    assert "model.mlp_resnet_blocks.1.ffn.1.weight" in head
    statistics = json.loads((saved / "dataset_statistics.json").read_text())
    assert set(statistics) == {"close_laptop"}
    assert set(statistics["close_laptop"]) == {"action", "proprio"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_was_saved_is_loaded(saved, tmp_path, dtype):
    loaded = checkpoint.load(saved)
    policy = loaded.policy.to_compute_dtype(dtype)
    checkpoint.save(tmp_path / "again", policy, loaded.contract, saved / "tokenizer.json")
    again = checkpoint.load(tmp_path / "again")
    assert again.contract == loaded.contract
    assert again.policy.compute_dtype == dtype
    assert not again.policy.training
    for name, value in policy.state_dict().items():
        assert torch.equal(again.policy.state_dict()[name], value), name


def test_saving_replaces_the_whole_folder(saved, tmp_path):
    target = tmp_path / "checkpoint"
    target.mkdir()
    (target / "old").write_text("")
    loaded = checkpoint.load(saved)
    checkpoint.save(target, loaded.policy, loaded.contract, saved / "tokenizer.json")
    assert not (target / "old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_a_large_model_is_written_in_shards(saved, tmp_path):
    loaded = checkpoint.load(saved)
    folder, tokenizer = tmp_path / "sharded", saved / "tokenizer.json"
    checkpoint.save(folder, loaded.policy, loaded.contract, tokenizer, max_shard_bytes=2 * 10**5)
    shards = sorted(path.name for path in folder.glob("model-*"))
    assert len(shards) > 1
    assert shards[0] == f"model-00001-of-{len(shards):05d}.safetensors"
    assert not (folder / "model.safetensors").exists()
    again = checkpoint.load(folder).policy.state_dict()
    assert all(torch.equal(again[k], value) for k, value in loaded.policy.state_dict().items())
    (folder / shards[-1]).unlink()
    with pytest.raises(CheckpointError, match=rf"{shards[-1]} is missing, though .*index"):
        checkpoint.load(folder)


def test_the_old_checkpoint_stays_if_the_new_one_cannot_be_written(saved, tmp_path):
    loaded = checkpoint.load(saved)
    target = tmp_path / "checkpoint"
    shutil.copytree(saved, target)
    before = sorted(path.name for path in target.iterdir())
    with pytest.raises(CheckpointError, match=r"cannot write .*checkpoint: No such file"):
        checkpoint.save(target, loaded.policy, loaded.contract, tmp_path / "no_tokenizer.json")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
    assert sorted(path.name for path in target.iterdir()) == before
    checkpoint.load(target)


def test_hugging_face_s_fields_say_the_same_sizes(saved):
    from transformers import LlamaConfig

    config = json.loads((saved / "config.json").read_text())
    assert config["architectures"] == ["OpenVLAForActionPrediction"]
    assert config["image_sizes"] == [28, 28]
    assert set(config["norm_stats"]) == {"close_laptop"}
    llama = LlamaConfig(**config["text_config"])
    sizes = checkpoint.load(saved).policy.config.llm
    assert llama.hidden_size == sizes.dim
    assert llama.intermediate_size == sizes.ffn
    assert llama.num_hidden_layers == sizes.layers
    assert llama.vocab_size == sizes.vocab_size
    assert llama.rms_norm_eps == sizes.rms_norm_eps
    ours = config.pop("vega")
    assert ours["llm"]["dim"] == sizes.dim


def test_folders_that_are_no_checkpoint(saved, tmp_path):
    for path in (tmp_path / "nothing", saved / "policy.yaml"):
        with pytest.raises(CheckpointError, match=r"is no folder: expected a checkpoint"):
            checkpoint.load(path)
    with pytest.raises(CheckpointError, match=r"has no policy.yaml: it is no checkpoint"):
        checkpoint.load(tmp_path)
    shutil.copy(saved / "policy.yaml", tmp_path)
    with pytest.raises(
        CheckpointError, match=r"neither model\.safetensors nor .*index.json nor lor"
    ):
        checkpoint.load(tmp_path)


def test_others_may_read_it(saved):
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in saved.glob("*.safetensors"))


def test_a_missing_weight_is_named(copy):
    change_weights(copy / "model.safetensors", lambda state: state.pop(KEY))
    with pytest.raises(CheckpointError, match=f"missing {KEY}"):
        checkpoint.load(copy)


def test_a_superfluous_weight_is_named(copy):
    extra = {"extra.weight": torch.zeros(1)}
    change_weights(copy / part_file("action_head"), lambda state: state.update(extra))
    with pytest.raises(CheckpointError, match=r"unexpected action_head\.extra\.weight"):
        checkpoint.load(copy)


def test_a_weight_of_another_shape_is_named(copy):
    extra = {KEY: torch.zeros(3, 4)}
    change_weights(copy / "model.safetensors", lambda state: state.update(extra))
    with pytest.raises(CheckpointError, match=rf"{KEY} has shape \(3, 4\), expected \(32, 32\)"):
        checkpoint.load(copy)


def test_many_problems_are_counted(copy):
    save_file({KEY: torch.zeros(32, 32)}, copy / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"and \d+ more"):
        checkpoint.load(copy)


@pytest.mark.parametrize("name", ["model", "vision_backbone", "action_head", "proprio_projector"])
def test_a_missing_or_truncated_file_is_named(copy, name):
    path = copy / ("model.safetensors" if name == "model" else part_file(name))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=rf"{path.name} is truncated or corrupt"):
        checkpoint.load(copy)
    path.unlink()
    with pytest.raises(CheckpointError, match=rf"model\.safetensors|missing {name}"):
        checkpoint.load(copy)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"chunk": 5', '"chunk": 8', "chunk: config.json has 8, policy.yaml has 5"),
        ('"per_step"', '"per_dim"', "action_tokens: config.json has per_dim"),
        ('"views": 3', '"views": 2', "number of cameras: config.json has 2"),
        ('"vocab_size": 512', '"vocab_size": 600', "embed_tokens"),
        ('"chunk": 5', '"chunk": "many"', "config.json is malformed"),
    ],
)
def test_sizes_that_contradict_the_rest_are_refused(copy, old, new, message):
    path = copy / "config.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load(copy)


def test_missing_sizes_and_damaged_tokenizer(copy):
    (copy / "tokenizer.json").write_text("{")
    with pytest.raises(CheckpointError, match="no readable tokenizer"):
        checkpoint.load(copy)
    (copy / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"has no config.json"):
        checkpoint.load(copy)


def test_a_tokenizer_larger_than_the_embedding_table_is_refused(tmp_path):
    sizes = "{dim: 32, ffn: 48, layers: 2, heads: 2, vocab_size: 400, max_positions: 512}"
    recipe = synthetic.small_recipe(f"model.llm={sizes}")
    folder = synthetic.write_checkpoint(tmp_path / "checkpoint", recipe)
    with pytest.raises(CheckpointError, match="tokenizer has 462 tokens, the model 400"):
        checkpoint.load(folder)

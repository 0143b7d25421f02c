"""Folders as the public OpenVLA-OFT tools write them."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from vega_policy import checkpoint
from vega_policy.checkpoint import Adapter, Platform
from vega_policy.errors import CheckpointError
from vega_policy.model.policy import VegaPolicy
from vega_policy.tests import public_layout
from vega_policy.tests.public_layout import STEP

PLATFORM = Platform(views=3, chunk=5, action_dim=14)


@pytest.fixture(scope="module")
def policy():
    return public_layout.public_policy()


@pytest.fixture(scope="module")
def adapter(policy):
    return public_layout.random_adapter(policy)


def loaded(folder, base=None, **changes):
    config = checkpoint.public_config(folder, PLATFORM, base)
    config = config.model_copy(update=changes)
    return checkpoint.load_policy(folder, config, base=base)


def assert_weights(policy, expected):
    found = policy.state_dict()
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=0, atol=0, msg=key)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("module", [True, False])
@pytest.mark.parametrize("gamma", [True, False])
@pytest.mark.parametrize("shards", [1, 3])
def test_merged_folders(policy, tmp_path, suffix, module, gamma, shards):
    public_layout.write_public(tmp_path, policy, suffix, module, gamma, shards)
    assert_weights(loaded(tmp_path), policy.state_dict())


def test_the_configuration_follows_from_the_files(policy, tmp_path):
    public_layout.write_public(tmp_path, policy)
    found = checkpoint.public_config(tmp_path, PLATFORM)
    assert found == policy.config
    assert found.llm.rms_norm_eps == 1e-6  # stated nowhere in the folder


@pytest.mark.parametrize(
    "changes",
    [{"film": False}, {"head": "diffusion"}, {"head": "discrete"}, {"proprio": False}],
)
def test_other_heads_and_parts(tmp_path, changes):
    policy = public_layout.public_policy(**changes)
    public_layout.write_public(tmp_path, policy)
    assert checkpoint.public_config(tmp_path, PLATFORM) == policy.config
    assert_weights(loaded(tmp_path), policy.state_dict())


def test_what_is_never_computed_is_checked_but_not_loaded(tmp_path):
    policy = public_layout.public_policy(film=False)
    public_layout.write_public(tmp_path, policy, shards=1)
    small = loaded(tmp_path, full_layout=False)
    assert not any("attn_pool" in key or "lm_head" in key for key in small.state_dict())
    path = tmp_path / "model.safetensors"
    state = load_file(path)
    del state["vision_backbone.fused_featurizer.attn_pool.q.weight"]
    save_file(state, path)
    with pytest.raises(CheckpointError, match=r"missing .*attn_pool\.q\.weight"):
        loaded(tmp_path, full_layout=False)


def test_film_with_lora_that_is_not_merged(policy, adapter, tmp_path):
    """A FiLM run: base and LoRA of the vision backbone in one file, the rest merged in shards."""
    merged = public_layout.folded(policy, adapter, ["language_model", "projector"])
    public_layout.write_description(tmp_path, policy.config)
    public_layout.write_shards(tmp_path, merged)
    public_layout.write_heads(tmp_path, policy)
    public_layout.write_film_backbone(tmp_path, policy.state_dict(), adapter)
    with pytest.raises(CheckpointError, match=r"its scale is missing: expected .*adapter_config"):
        loaded(tmp_path)
    public_layout.write_adapter(tmp_path, adapter, wrapped=True)
    assert_weights(loaded(tmp_path), public_layout.folded(policy, adapter))


@pytest.mark.parametrize("wrapped", [True, False])
def test_the_vision_backbone_s_own_file_replaces_that_of_the_shards(policy, tmp_path, wrapped):
    base = {key: torch.zeros_like(value) for key, value in policy.state_dict().items()}
    kept = {key: value for key, value in policy.state_dict().items() if "vision" not in key}
    public_layout.write_public(tmp_path, policy)
    public_layout.write_shards(tmp_path, base | kept, shards=2)
    state = policy.state_dict()
    public_layout.write_film_backbone(tmp_path, state, wrapped=wrapped)
    assert_weights(loaded(tmp_path), state)


def test_shards_beside_an_adapter_are_merged_already(policy, adapter, tmp_path):
    public_layout.write_public(tmp_path, policy)
    public_layout.write_adapter(tmp_path, adapter)
    assert_weights(loaded(tmp_path), policy.state_dict())


@pytest.mark.parametrize("new", [False, True])
def test_an_adapter_beside_its_base(tmp_path, new):
    policy = public_layout.public_policy(film=False)
    adapter = public_layout.random_adapter(policy, new=new)
    run, base = tmp_path / "run", tmp_path / "base"
    public_layout.write_description(run, policy.config)
    public_layout.write_heads(run, policy)
    lm_head = None if new else policy.language_model.lm_head.weight
    public_layout.write_adapter(run, adapter, lm_head=lm_head)
    public_layout.write_shards(base, policy.state_dict(), shards=2)
    with pytest.raises(CheckpointError, match=r"--base.*hf download openvla/openvla-7b"):
        loaded(run)
    assert_weights(loaded(run, base), public_layout.folded(policy, adapter))
    (run / "config.json").rename(base / "config.json")
    (run / "spec.json").rename(base / "spec.json")
    assert_weights(loaded(run, base), public_layout.folded(policy, adapter))


@pytest.mark.parametrize("whole", [True, False])
def test_an_adapter_trained_with_film_beside_its_base(policy, adapter, tmp_path, whole):
    run, base = tmp_path / "run", tmp_path / "base"
    public_layout.write_description(run, policy.config)
    public_layout.write_heads(run, policy)
    public_layout.write_adapter(run, adapter, wrapped=True)
    public_layout.write_shards(base, policy.state_dict())
    with pytest.raises(CheckpointError, match=r"with FiLM, but .* no vision_backbone--N"):
        loaded(run, base)
    if whole:
        public_layout.write_film_backbone(run, policy.state_dict(), adapter)
    else:
        film = {k: v for k, v in policy.state_dict().items() if ".scale." in k or ".shift." in k}
        public_layout.write_film_backbone(run, film)
    assert_weights(loaded(run, base), public_layout.folded(policy, adapter))


def test_an_adapter_of_another_model_is_refused(policy, tmp_path):
    run, base = tmp_path / "run", tmp_path / "base"
    public_layout.write_description(run, policy.config)
    public_layout.write_shards(base, policy.state_dict())
    for module, size, message in (
        ("language_model.model.layers.7.mlp.up_proj", 32, "which the model does not have"),
        ("projector.fc3", 33, r"as \(33, 33\), but its weight is \(32, 32\)"),
    ):
        weights = {module: (torch.ones(2, size), torch.ones(size, 2))}
        public_layout.write_adapter(run, Adapter(2, 1.0, weights))
        with pytest.raises(CheckpointError, match=message):
            loaded(run, base)


def test_the_form_of_shared_golden_data(policy, tmp_path):
    public_layout.write_description(tmp_path, policy.config)
    public_layout.write_shards(tmp_path, policy.state_dict())
    public_layout.write_heads(tmp_path, policy, ".safetensors")
    for part in ("action_head", "proprio_projector"):
        path = tmp_path / f"{part}--{STEP}_checkpoint.safetensors"
        path.rename(tmp_path / f"{part}.safetensors")
    film = {k: v for k, v in policy.state_dict().items() if ".scale." in k or ".shift." in k}
    save_file(film, tmp_path / "film_delta.safetensors")
    assert_weights(loaded(tmp_path), policy.state_dict())


def test_two_files_that_claim_to_be_one_part(policy, tmp_path):
    public_layout.write_public(tmp_path, policy)
    path = tmp_path / f"action_head--{STEP}_checkpoint.pt"
    (tmp_path / "action_head--latest_checkpoint.pt").write_bytes(path.read_bytes())
    with pytest.raises(
        CheckpointError, match=rf"action_head--{STEP}_checkpoint.pt and action_head--latest_che"
    ):
        loaded(tmp_path)


def test_two_names_of_one_weight(policy, tmp_path):
    public_layout.write_public(tmp_path, policy, shards=1)
    path = tmp_path / "model.safetensors"
    state = load_file(path)
    key = "vision_backbone.featurizer.blocks.0.ls1."
    save_file(state | {f"{key}gamma": state[f"{key}scale_factor"].clone()}, path)
    with pytest.raises(CheckpointError, match=r"both .*ls1\.(gamma|scale_factor) and .*ls1"):
        loaded(tmp_path)


def test_positions_of_another_grid_are_refused(policy, tmp_path):
    key = "vision_backbone.featurizer.pos_embed"
    state = policy.state_dict()
    public_layout.write_public(tmp_path, policy, shards=1)
    public_layout.write_shards(tmp_path, state | {key: torch.zeros(1, 9, 24)})
    for path in tmp_path.glob("vision_backbone--*"):
        path.unlink()
    with pytest.raises(CheckpointError, match=rf"{key} has shape \(1, 9, 24\), expected \(1, 4, "):
        loaded(tmp_path, film=False)


def test_attention_heads_that_nothing_tells(policy, tmp_path):
    public_layout.write_public(tmp_path, policy)
    (tmp_path / "spec.json").unlink()
    with pytest.raises(CheckpointError, match=r"cannot tell the attention heads .* 24 wide"):
        checkpoint.public_config(tmp_path, PLATFORM)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "llava"}, "model_type is llava, expected openvla"),
        ({"image_sizes": [30, 30]}, "config.json is malformed: .*multiple of patch size"),
        ({"text_config": 3}, "text_config is no JSON object"),
        ({"text_config": {"num_key_value_heads": 8}}, "grouped queries"),
        ({"text_config": {"hidden_size": "wide"}}, "config.json is malformed: dim"),
        ({"text_config": {"head_dim": 7}}, r"head_dim 7 .*expected \d+"),
        ({"text_config": {"hidden_act": "gelu"}}, "hidden_act gelu .*expected silu"),
        ({"text_config": {"attention_bias": True}}, "attention_bias True .*expected False"),
        ({"text_config": {"rope_scaling": {"factor": 2}}}, "scaled rotary positions"),
        (
            {"text_config": {"rope_parameters": {"rope_type": "llama3", "rope_theta": 5e5}}},
            "expected plain rotary positions",
        ),
        (
            {"text_config": {"rope_theta": 1e4, "rope_parameters": {"rope_theta": 5e5}}},
            "two values of rope_theta",
        ),
        ({"text_config": {"rope_parameters": {"factor": 2.0}}}, "which has no use"),
        ({"text_config": {"num_hidden_layers": "two"}}, "config.json is malformed: layers"),
    ],
)
def test_configurations_that_are_refused(policy, tmp_path, change, message):
    public_layout.write_public(tmp_path, policy)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CheckpointError, match=message):
        checkpoint.public_config(tmp_path, PLATFORM)


def test_the_base_of_rotary_positions_is_read_where_newer_libraries_write_it(policy, tmp_path):
    public_layout.write_public(tmp_path, policy)
    path = tmp_path / "config.json"
    content = json.loads(path.read_text())
    content["text_config"].pop("rope_theta", None)
    content["text_config"]["rope_parameters"] = {"rope_theta": 500000, "rope_type": "default"}
    path.write_text(json.dumps(content))
    assert checkpoint.public_config(tmp_path, PLATFORM).llm.rope_theta == 500000.0


def test_training_starts_from_a_base(policy, tmp_path):
    base = tmp_path / "openvla"
    with pytest.raises(CheckpointError, match=r"no such folder.*hf download openvla/openvla-7b"):
        checkpoint.load_base(base, policy.config)
    public_layout.write_shards(base, policy.state_dict(), shards=2)
    torch.manual_seed(0)
    started = checkpoint.load_base(base, policy.config, dtype=torch.bfloat16)
    for key, value in started.state_dict().items():
        if key.startswith(("vision_backbone", "projector", "language_model")):
            assert value.dtype == torch.bfloat16, key
            if ".scale." not in key and ".shift." not in key:
                assert torch.equal(value, policy.state_dict()[key].bfloat16()), key
        else:
            assert value.dtype == torch.float32, key
    assert started.action_head.model.fc1.weight.std() > 0.01
    assert all(parameter.requires_grad for parameter in started.parameters())


def test_training_goes_on_from_an_oft_folder(policy, adapter, tmp_path):
    public_layout.write_public(tmp_path, policy)
    public_layout.write_film_backbone(tmp_path, policy.state_dict(), adapter)
    public_layout.write_adapter(tmp_path, adapter, wrapped=True)
    expected = public_layout.folded(policy, adapter, ["vision_backbone"])
    assert_weights(checkpoint.load_base(tmp_path, policy.config, heads=True), expected)
    base = checkpoint.load_base(tmp_path, policy.config).state_dict()
    assert torch.equal(base["projector.fc1.weight"], expected["projector.fc1.weight"])
    key = "vision_backbone.featurizer.blocks.0.attn.qkv.weight"
    assert torch.equal(base[key], expected[key])


def test_a_base_of_other_sizes_is_refused(policy, tmp_path):
    public_layout.write_shards(tmp_path, policy.state_dict())
    other = policy.config.model_copy(update={"image_size": 56})
    with pytest.raises(
        CheckpointError, match=r"pos_embed has shape \(1, 4, 24\), expected \(1, 16"
    ):
        checkpoint.load_base(tmp_path, other)
    assert isinstance(checkpoint.load_base(tmp_path, policy.config), VegaPolicy)


def test_a_base_that_differs_in_what_no_shape_tells_is_refused(policy, tmp_path):
    public_layout.write_description(tmp_path, policy.config)
    public_layout.write_shards(tmp_path, policy.state_dict())
    checkpoint.load_base(tmp_path, policy.config)
    llm = policy.config.llm.model_copy(update={"heads": 4, "rms_norm_eps": 1e-5})
    other = policy.config.model_copy(update={"llm": llm})
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load_base(tmp_path, other)
    assert "model.llm.heads: expected 4, came 2" in str(caught.value)
    assert "model.llm.rms_norm_eps: expected 1e-05, came 1e-06" in str(caught.value)

"""The network against the public OpenVLA-OFT implementation, see data/README.md."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from vega_policy.model.config import ModelConfig
from vega_policy.model.layout import TextBatch, text_batch
from vega_policy.model.policy import VegaPolicy
from vega_policy.normalization import Normalizer, Statistics

CASE = Path(__file__).parent / "data" / "oft"
TOLERANCE = 1e-5  # relative to the largest magnitude of an output
EVERY = 7  # rows of hidden states that the golden file keeps


@pytest.fixture(scope="module")
def case():
    return json.loads((CASE / "case.json").read_text())


@pytest.fixture(scope="module")
def inputs():
    return load_file(CASE / "inputs.safetensors")


@pytest.fixture(scope="module")
def expected():
    return load_file(CASE / "outputs.safetensors")


def load_policy(case, film=True):
    policy = VegaPolicy(ModelConfig.model_validate({**case["model"], "film": film}))
    weights = load_file(CASE / "weights.safetensors")
    names = policy.state_dict().keys()
    policy.load_state_dict({name: weights[name] for name in names})
    return policy.eval()


def agrees(ours, theirs):
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= TOLERANCE * theirs.abs().max()


@torch.no_grad()
def test_vision_features(case, inputs, expected):
    policy = load_policy(case)
    features = policy.vision_backbone(inputs["pixel_values"], None)
    agrees(features.dino, expected["dino_tap_plain"])
    agrees(policy.vision_backbone.plain_dino(inputs["pixel_values"]), expected["dino_tap_plain"])
    agrees(features.fused[..., policy.config.dino.dim :], expected["siglip_tap_plain"])


@pytest.mark.parametrize(("name", "film"), [("film", True), ("nofilm", False)])
@torch.no_grad()
def test_inference(case, inputs, expected, name, film):
    policy = load_policy(case, film)
    text = text_batch(inputs["prompt_ids"].tolist(), policy.config.action_token_count)
    output = policy(inputs["pixel_values"][:1], inputs["proprio"][:1], text)
    agrees(output.action_hidden[:, ::EVERY], expected[f"{name}_action_hidden"])
    normalizer = Normalizer(Statistics.model_validate(case["action_statistics"]), "bounds")
    actions = torch.from_numpy(normalizer.unnormalize(output.actions[0].numpy()))
    agrees(actions, expected[f"{name}_actions"])


@torch.no_grad()
def test_a_padded_training_batch(case, inputs, expected):
    policy = load_policy(case)
    valid = inputs["train_attention_mask"]
    text = TextBatch(inputs["train_input_ids"], valid, inputs["train_prompt_lengths"], None)
    middle = policy.config.llm.layers // 2
    output = policy(inputs["pixel_values"], inputs["proprio"], text, keep_layers=(middle,))
    agrees(output.inserted, expected["train_projector_features"])
    agrees(output.action_hidden[:, ::EVERY], expected["train_action_hidden"])
    agrees(output.actions, expected["train_actions_normalized"])
    shown = torch.cat([valid.new_ones(2, output.inserted.shape[1]), valid], dim=1)[:, ::EVERY]
    agrees(output.layers[middle][:, ::EVERY][shown], expected["train_layer_hidden_mid"][shown])

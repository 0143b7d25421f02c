"""The diffusion head and discrete decoding against the public code, see data/README.md."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from vega_policy.model import bins
from vega_policy.model.config import ModelConfig
from vega_policy.model.layout import TextBatch, text_batch
from vega_policy.model.policy import VegaPolicy
from vega_policy.normalization import Normalizer, Statistics

DATA = Path(__file__).parent / "data"
TOLERANCE = 3e-5  # relative to the largest magnitude of an output; denoising adds rounding up


class Case:
    """Our network with the weights of a golden case, its inputs and what is to come out."""

    def __init__(self, name, **changes):
        folder = DATA / name
        case = json.loads((folder / "case.json").read_text())
        self.inputs = load_file(folder / "inputs.safetensors")
        self.expected = load_file(folder / "outputs.safetensors")
        self.policy = VegaPolicy(ModelConfig.model_validate({**case["model"], **changes})).eval()
        self.policy.load_state_dict(load_file(folder / "weights.safetensors"))
        statistics = Statistics.model_validate(case["action_statistics"])
        self.normalizer = Normalizer(statistics, case["normalization"])

    def observation(self, samples):
        proprio = self.inputs.get("proprio")
        state = None if proprio is None else proprio[:samples]
        return self.inputs["pixel_values"][:samples], state

    def prompt(self):
        count = self.policy.config.action_token_count
        return text_batch(self.inputs["prompt_ids"].tolist(), count)

    def training_text(self):
        names = ("train_input_ids", "train_attention_mask", "train_prompt_lengths")
        return TextBatch(*(self.inputs[name] for name in names), None)

    def agrees(self, ours, name):
        theirs = self.expected[name]
        assert ours.shape == theirs.shape
        assert (ours - theirs).abs().max() <= TOLERANCE * theirs.abs().max()

    def physical(self, actions):
        return torch.from_numpy(self.normalizer.unnormalize(actions.numpy()))


@pytest.fixture(scope="module")
def discrete():
    return Case("oft_discrete")


@pytest.mark.parametrize("steps", [50, 10])
@torch.no_grad()
def test_a_chunk_is_denoised(steps):
    case = Case("oft_diffusion", diffusion={"train_steps": 50, "inference_steps": steps})
    policy, text, noise = case.policy, case.prompt(), case.inputs["noise"]
    inserted = policy.encode(*case.observation(1), policy.modulation(text)).inserted
    noisiest = torch.tensor(policy.action_head.schedule.timesteps[:1])
    first = policy.see_noise(inserted, text, noise, noisiest).noise
    case.agrees(first, f"film_first_noise_steps_{steps}")
    actions = policy.denoise(inserted, text, noise)
    case.agrees(case.physical(actions[0]), f"film_actions_steps_{steps}")


@torch.no_grad()
def test_noise_is_seen_in_a_padded_training_batch():
    case = Case("oft_diffusion")
    policy, text, inputs = case.policy, case.training_text(), case.inputs
    levels = inputs["train_timesteps"]
    noisy = policy.action_head.schedule.add_noise(
        inputs["train_actions"], inputs["train_noise"], levels
    )
    case.agrees(noisy, "train_noisy_actions")
    inserted = policy.encode(*case.observation(2), policy.modulation(text)).inserted
    seen = policy.see_noise(inserted, text, noisy, levels)
    case.agrees(seen.inserted, "train_projector_features")
    case.agrees(seen.hidden, "train_action_hidden")
    case.agrees(seen.noise, "train_noise_prediction")
    case.agrees((seen.noise - inputs["train_noise"]).square().mean()[None], "train_loss")


@torch.no_grad()
def test_a_chunk_is_read_off_the_vocabulary(discrete):
    output = discrete.policy(*discrete.observation(1), discrete.prompt())
    discrete.agrees(output.action_hidden, "film_action_hidden")
    discrete.agrees(output.actions[0], "film_actions_normalized")
    discrete.agrees(discrete.physical(output.actions[0]), "film_actions")


def test_ids_past_the_action_ids_are_among_those_read(discrete):
    # Otherwise the case would not show what the public code makes of them.
    ids, llm = discrete.expected["film_token_ids"], discrete.policy.config.llm
    assert (ids < llm.base_vocab_size - 256).any()
    assert (discrete.expected["train_token_ids"] >= llm.base_vocab_size).any()


@torch.no_grad()
def test_token_losses_of_a_padded_training_batch(discrete):
    vocabulary = discrete.policy.config.llm.base_vocab_size
    actions = bins.decode(discrete.inputs["train_action_ids"], vocabulary)
    output = discrete.policy(*discrete.observation(2), discrete.training_text(), actions=actions)
    discrete.agrees(output.inserted, "train_projector_features")
    discrete.agrees(output.action_hidden, "train_action_hidden")
    logits = discrete.policy.language_model.lm_head(output.action_hidden)
    likeliest = logits.argmax(dim=-1).view(actions.shape)
    assert torch.equal(likeliest, discrete.expected["train_token_ids"])
    losses = discrete.expected["train_token_loss"].mean(dim=-1)
    assert (output.action_error - losses).abs().max() <= TOLERANCE * losses.max()

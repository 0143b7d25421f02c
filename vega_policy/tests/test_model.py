"""The network's structure; its numbers are checked against the public implementation elsewhere."""

import pytest
import torch

from vega_policy.errors import CheckpointError
from vega_policy.model import llm
from vega_policy.model.attention import attend
from vega_policy.model.config import ModelConfig
from vega_policy.model.heads import L1ActionHead
from vega_policy.model.initialization import random_on
from vega_policy.model.layout import text_batch
from vega_policy.model.policy import VegaPolicy
from vega_policy.tests.synthetic import small_inputs, small_policy

PROMPT = [1, 300, 301, 302]
OTHER = [1, 310]


@torch.no_grad()
def actions(policy, samples=2, prompts=(PROMPT,), modulation=None):
    pixels, proprio = small_inputs(policy.config, samples)
    text = text_batch(prompts, policy.config.action_token_count)
    return policy(pixels, proprio, text, modulation).actions


def test_towers_stop_at_the_second_to_last_block():
    policy = small_policy(full_layout=True)
    before = actions(policy)
    calls = []
    for tower in (policy.vision_backbone.featurizer, policy.vision_backbone.fused_featurizer):
        for number, block in enumerate(tower.blocks):
            block.register_forward_hook(lambda *_, number=number: calls.append(number))
        for parameter in (*tower.blocks[-1].parameters(), *tower.norm.parameters()):
            parameter.data.fill_(float("nan"))
    assert torch.equal(actions(policy), before)
    assert calls == [0, 1, 0, 1]  # of 3 blocks each; all views of all samples in one pass


def test_weights_that_are_never_computed_can_be_left_out():
    full, lean = small_policy(full_layout=True), small_policy()
    names = lean.state_dict().keys()
    state = full.state_dict()
    assert set(names) < set(state)
    assert {name.split(".")[0] for name in set(state) - set(names)} == {
        "vision_backbone",
        "language_model",
    }
    lean.load_state_dict({name: state[name] for name in names})
    assert torch.equal(actions(lean), actions(full))


def test_views_in_one_batch_equal_views_one_at_a_time():
    policy = small_policy()
    pixels, _ = small_inputs(policy.config, 2)
    text = text_batch([PROMPT, OTHER], policy.config.action_token_count)
    with torch.no_grad():
        modulation = policy.modulation(text)
        together = policy.vision_backbone(pixels, modulation)
        single = [policy.vision_backbone(part, modulation) for part in pixels.split(6, dim=1)]
    for name in ("fused", "dino"):
        apart = torch.cat([getattr(features, name) for features in single], dim=1)
        torch.testing.assert_close(getattr(together, name), apart, atol=1e-5, rtol=1e-5)


def test_dino_gets_the_first_three_channels_and_comes_first():
    policy = small_policy()
    pixels, _ = small_inputs(policy.config, 1)
    changed = pixels.clone()
    changed[:, 3:6] = 0  # SigLIP's channels of the first view
    with torch.no_grad():
        a = policy.vision_backbone(pixels, None)
        b = policy.vision_backbone(changed, None)
    width, patches = policy.config.dino.dim, policy.config.patches_per_view
    assert torch.equal(a.fused[..., :width], b.fused[..., :width])
    assert torch.equal(a.fused[..., :width], a.dino)
    differs = (a.fused[..., width:] != b.fused[..., width:]).any(dim=-1)[0]
    assert differs.tolist() == [True] * patches + [False] * 2 * patches


@pytest.mark.parametrize(("kind", "per_step"), [("per_dim", 14), ("per_step", 1)])
def test_query_tokens_of_a_step(kind, per_step):
    policy = small_policy(action_tokens=kind)
    config = policy.config
    assert config.action_token_count == config.chunk * per_step
    pixels, proprio = small_inputs(config, 2)
    text = text_batch([PROMPT], config.action_token_count)
    with torch.no_grad():
        output = policy(pixels, proprio, text)
    assert output.actions.shape == (2, config.chunk, 14)
    assert output.action_hidden.shape == (2, config.chunk * per_step, config.llm.dim)
    assert output.inserted.shape == (2, 3 * config.patches_per_view + 1, config.llm.dim)
    assert policy.action_head.model.fc1.in_features == per_step * config.llm.dim


def test_queries_are_grouped_step_by_step():
    head = L1ActionHead(hidden_dim=4, action_dim=2, tokens_per_step=2)
    hidden = torch.randn(1, 6, 4)  # 3 steps
    changed = hidden.clone()
    changed[:, 2] += 1
    differs = (head(hidden) != head(changed)).any(dim=-1)[0]
    assert differs.tolist() == [False, True, False]


def test_the_head_stays_in_float32_when_the_rest_does_not():
    policy = small_policy().to_compute_dtype(torch.bfloat16)
    assert policy.compute_dtype == torch.bfloat16
    assert policy.language_model.model.embed_tokens.weight.dtype == torch.bfloat16
    assert policy.action_head.model.fc1.weight.dtype == torch.float32
    assert actions(policy).dtype == torch.float32


def test_remembered_film_equals_computing_it_anew():
    policy = small_policy()
    text = text_batch([PROMPT], policy.config.action_token_count)
    with torch.no_grad():
        modulation = policy.modulation(text)
    assert torch.equal(actions(policy, modulation=modulation), actions(policy))


def test_film_reaches_the_vision_features():
    policy = small_policy()
    for parameter in policy.proprio_projector.parameters():
        parameter.data.zero_()
    pixels, proprio = small_inputs(policy.config, 1)
    queries = policy.config.action_token_count
    with torch.no_grad():
        a = policy(pixels, proprio, text_batch([PROMPT], queries)).inserted
        b = policy(pixels, proprio, text_batch([OTHER], queries)).inserted
    assert not torch.allclose(a, b)
    assert small_policy(film=False).modulation(text_batch([PROMPT], queries)) is None


def test_one_text_for_all_equals_a_text_each():
    policy = small_policy()
    shared, each = actions(policy), actions(policy, prompts=(PROMPT, PROMPT))
    torch.testing.assert_close(shared, each, atol=1e-6, rtol=1e-5)


def test_padding_changes_nothing():
    policy = small_policy()
    padded = actions(policy, prompts=(PROMPT, OTHER))
    pixels, proprio = small_inputs(policy.config, 2)
    for row, prompt in enumerate((PROMPT, OTHER)):
        text = text_batch([prompt], policy.config.action_token_count)
        with torch.no_grad():
            alone = policy(pixels[row : row + 1], proprio[row : row + 1], text).actions
        torch.testing.assert_close(padded[row : row + 1], alone, atol=1e-6, rtol=1e-5)


def test_the_reference_averages_padding_into_film():
    policy = small_policy(film_mean_includes_padding=True)
    queries = policy.config.action_token_count
    with torch.no_grad():
        padded = policy.language_embedding(text_batch([PROMPT, OTHER], queries))
        alone = policy.language_embedding(text_batch([OTHER], queries))
    assert not torch.allclose(padded[1:], alone)


def test_film_listens_to_everything_but_the_queries():
    policy = small_policy()
    text = text_batch([PROMPT], policy.config.action_token_count)
    table = policy.language_model.model.embed_tokens.weight
    expected = table[[*PROMPT, 2]].mean(dim=0, keepdim=True)
    torch.testing.assert_close(policy.language_embedding(text), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_self_test_accepts_the_model(dtype):
    llm.assert_bidirectional(small_policy().language_model.to(dtype))


@pytest.mark.parametrize(
    ("implementation", "message"),
    [
        ("sdpa", "attends causally"),  # without a mask transformers' own is causal
        ("eager", "attends to padding"),  # takes a mask of True and False for numbers to add
    ],
)
def test_the_self_test_refuses_other_attention(implementation, message):
    language_model = small_policy().language_model
    language_model.model.config._attn_implementation = implementation
    with pytest.raises(CheckpointError, match=message):
        llm.assert_bidirectional(language_model)


def test_rotary_frequencies_stay_exact_in_bfloat16():
    policy = small_policy()
    exact = policy.language_model.model.rotary_emb.inv_freq.clone()
    assert exact.dtype == torch.float32
    policy.to_compute_dtype(torch.bfloat16)
    kept = policy.language_model.model.rotary_emb.inv_freq
    assert kept.dtype == torch.float32
    assert torch.equal(kept, exact)


def test_hidden_states_that_were_asked_for():
    policy = small_policy()
    pixels, proprio = small_inputs(policy.config, 1)
    text = text_batch([PROMPT], policy.config.action_token_count)
    last = policy.config.llm.layers
    with torch.no_grad():
        output = policy(pixels, proprio, text, keep_layers=(last, 0, 1))
        assert policy(pixels, proprio, text).layers == {}
    assert set(output.layers) == {0, 1, last}
    patches = output.inserted.shape[1]
    assert torch.equal(output.layers[0][:, 1 : 1 + patches], output.inserted)
    start = patches + len(PROMPT) - 1
    answers = output.layers[last][:, start : start + policy.config.action_token_count]
    assert torch.equal(answers, output.action_hidden)
    first = policy.language_model.model.layers[0]
    rotary = policy.language_model.model.rotary_emb(
        output.layers[0], torch.arange(output.layers[0].shape[1])[None]
    )
    with torch.no_grad():
        again = first(output.layers[0], attention_mask=None, position_embeddings=rotary)
    assert torch.equal(output.layers[1], again)


@pytest.mark.parametrize("index", [-1, 3])
def test_layers_that_are_not_there_are_refused(index):
    policy = small_policy()
    pixels, proprio = small_inputs(policy.config, 1)
    text = text_batch([PROMPT], policy.config.action_token_count)
    with pytest.raises(ValueError, match=rf"no hidden state {index}: .* 0 .* to 2"):
        policy(pixels, proprio, text, keep_layers=(index,))


def test_an_empty_network_takes_its_weights_as_they_are():
    policy = small_policy()
    empty = VegaPolicy.empty(policy.config)
    state = policy.state_dict()
    empty.load_state_dict(state, assign=True)
    assert empty.projector.fc1.weight.data_ptr() == state["projector.fc1.weight"].data_ptr()
    assert torch.equal(actions(empty.eval()), actions(policy))


@pytest.mark.parametrize("head", ["l1", "diffusion", "discrete"])
def test_random_weights_are_made_in_the_dtype_asked_for(head):
    config = small_policy(head=head, action_tokens="per_dim").config
    policy = random_on(config, "cpu", torch.bfloat16).eval()
    assert policy.compute_dtype == torch.bfloat16
    assert not any(weight.is_meta for weight in (*policy.parameters(), *policy.buffers()))
    pixels, proprio = small_inputs(config, 1)
    text = text_batch([PROMPT], config.action_token_count)
    with torch.no_grad():
        predicted = policy.predict(pixels, proprio, text)
    assert predicted.isfinite().all()
    assert predicted.abs().max() < 30


@pytest.mark.parametrize("masked", [False, True])
def test_attention_in_bfloat16_agrees_with_float32(masked):
    generator = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, 2, 2, 6, 8, generator=generator)
    mask = torch.ones(2, 1, 6, 6, dtype=torch.bool)
    mask[1, ..., 4:] = False
    exact = attend(q, k, v, mask if masked else None)
    coarse = attend(q.bfloat16(), k.bfloat16(), v.bfloat16(), mask if masked else None)
    torch.testing.assert_close(coarse.float(), exact, atol=0.05, rtol=0.05)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_size": 30}, "not a multiple of patch size"),
        ({"dino": {"dim": 24, "depth": 3, "heads": 5}}, "not a multiple of its 5 heads"),
        ({"dino": {"dim": 24, "depth": 1, "heads": 2}}, "greater than or equal to 2"),
        ({"heads": 3}, "Extra inputs"),
    ],
)
def test_impossible_sizes_are_refused(change, message):
    fields = small_policy().config.model_dump()
    with pytest.raises(ValueError, match=message):
        ModelConfig.model_validate({**fields, **change})

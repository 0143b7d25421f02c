"""Action heads: shapes, errors, gradients, decoding."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vega_policy.model import bins
from vega_policy.model.config import DiffusionConfig, ModelConfig
from vega_policy.model.ddim import DdimSchedule, timestep_embedding
from vega_policy.model.layout import text_batch
from vega_policy.tests.synthetic import small_inputs, small_policy

PROMPT = [1, 300, 301, 302]
OTHER = [1, 310]
HEADS = [
    ("l1", "per_dim"),
    ("l1", "per_step"),
    ("diffusion", "per_dim"),
    ("diffusion", "per_step"),
    ("discrete", "per_dim"),
]
FEW_STEPS = {"train_steps": 6, "inference_steps": 3}


def made(head, tokens="per_dim", **changes):
    policy = small_policy(head=head, action_tokens=tokens, diffusion=FEW_STEPS, **changes)
    pixels, proprio = small_inputs(policy.config, 2)
    text = text_batch([PROMPT], policy.config.action_token_count)
    return policy, (pixels, proprio, text)


def right_actions(policy):
    generator = torch.Generator().manual_seed(2)
    shape = (2, policy.config.chunk, policy.config.action_dim)
    return torch.rand(shape, generator=generator) * 2 - 1


@pytest.mark.parametrize(("head", "tokens"), HEADS)
def test_every_head_predicts_a_chunk(head, tokens):
    policy, inputs = made(head, tokens)
    with torch.no_grad():
        actions = policy.predict(*inputs)
    assert actions.shape == (2, policy.config.chunk, 14)
    assert actions.dtype == torch.float32
    assert actions.isfinite().all()


@pytest.mark.parametrize(("head", "tokens"), HEADS)
def test_the_error_of_each_step_trains_every_weight_that_is_computed(head, tokens):
    policy, inputs = made(head, tokens, full_layout=False)
    torch.manual_seed(0)
    error = policy(*inputs, actions=right_actions(policy)).action_error
    assert error.shape == (2, policy.config.chunk)
    assert error.dtype == torch.float32
    error.mean().backward()
    still = [name for name, weight in policy.named_parameters() if weight.grad is None]
    assert still == []


@pytest.mark.parametrize("head", ["l1", "discrete"])
def test_without_the_right_actions_there_is_no_error(head):
    policy, inputs = made(head)
    with torch.no_grad():
        output = policy(*inputs)
    assert output.action_error is None
    assert torch.equal(output.actions, policy.predict(*inputs))


def test_the_l1_error_is_the_mean_over_an_action():
    policy, inputs = made("l1")
    right = right_actions(policy)
    with torch.no_grad():
        output = policy(*inputs, actions=right)
    expected = torch.nn.functional.l1_loss(output.actions, right, reduction="none").mean(dim=2)
    assert torch.equal(output.action_error, expected)


@pytest.mark.parametrize("head", ["l1", "diffusion", "discrete"])
def test_padding_changes_no_head(head):
    policy, (pixels, proprio, _) = made(head)
    queries = policy.config.action_token_count
    noise = right_actions(policy)
    levels = torch.tensor([1, 4])

    @torch.no_grad()
    def answers(rows, prompts):
        text = text_batch(prompts, queries)
        if head != "diffusion":
            return policy(pixels[rows], proprio[rows], text).action_hidden
        inserted = policy.encode(pixels[rows], proprio[rows], policy.modulation(text)).inserted
        return policy.see_noise(inserted, text, noise[rows], levels[rows]).noise

    together = answers(slice(0, 2), [PROMPT, OTHER])
    for row, prompt in enumerate((PROMPT, OTHER)):
        alone = answers(slice(row, row + 1), [prompt])
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("head", ["l1", "diffusion", "discrete"])
def test_a_policy_without_state_token_does_not_look_at_the_state(head):
    policy, (pixels, proprio, text) = made(head, proprio=False)
    assert policy.proprio_projector is None
    with torch.no_grad():
        a, b, c = (
            policy.predict(pixels, state, text, generator=torch.Generator().manual_seed(0))
            for state in (proprio, proprio + 1, None)
        )
    assert torch.equal(a, b)
    assert torch.equal(a, c)


def test_a_policy_with_state_token_asks_for_the_state():
    policy, (pixels, _, text) = made("l1")
    with pytest.raises(ValueError, match=r"expected proprio \[B, 14\], got None"):
        policy.predict(pixels, None, text)


def test_inserted_tokens_are_patches_then_state_then_noise_level():
    policy, inputs = made("diffusion")
    patches = 3 * policy.config.patches_per_view
    output = policy(*inputs, actions=right_actions(policy))
    assert output.inserted.shape[1] == patches + 2
    state = policy.proprio_projector(inputs[1])
    torch.testing.assert_close(output.inserted[:, patches], state)
    levels = torch.arange(FEW_STEPS["train_steps"])
    known = timestep_embedding(levels, policy.config.llm.dim)
    distance = (output.inserted[:, None, patches + 1] - known).abs().amax(dim=-1)
    assert (distance.amin(dim=1) == 0).all()


def test_diffusion_trains_on_noise_and_needs_the_actions():
    policy, inputs = made("diffusion")
    with pytest.raises(ValueError, match="needs actions"):
        policy(*inputs)
    right = right_actions(policy)
    with torch.no_grad():
        torch.manual_seed(3)
        output = policy(*inputs, actions=right)
        torch.manual_seed(3)
        noise, levels = torch.randn_like(right), torch.randint(FEW_STEPS["train_steps"], (2,))
        noisy = policy.action_head.schedule.add_noise(right, noise, levels)
        pixels, proprio, text = inputs
        inserted = policy.encode(pixels, proprio, policy.modulation(text)).inserted
        seen = policy.see_noise(inserted, text, noisy, levels).noise
    assert output.actions is None
    assert torch.equal(output.action_error, ((seen - noise) ** 2).mean(dim=-1))


def test_denoising_computes_the_vision_towers_once_and_draws_from_the_given_generator():
    policy, inputs = made("diffusion")
    calls = []
    policy.vision_backbone.register_forward_hook(lambda *_: calls.append("vision"))
    policy.language_model.register_forward_hook(lambda *_: calls.append("language"))
    with torch.no_grad():
        first = policy.predict(*inputs, generator=torch.Generator().manual_seed(0))
        assert calls == ["vision", "language", "language", "language"]
        again = policy.predict(*inputs, generator=torch.Generator().manual_seed(0))
        other = policy.predict(*inputs, generator=torch.Generator().manual_seed(1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("trained", "visited"), [(50, 50), (50, 10), (50, 7)])
def test_known_noise_leads_back_to_the_chunk(trained, visited):
    """With the noise known, each DDIM step lands on the same chunk at a lower level."""
    schedule = DdimSchedule(DiffusionConfig(train_steps=trained, inference_steps=visited))
    stride = trained // visited
    assert schedule.timesteps == list(range(0, stride * visited, stride))[::-1]
    chunk = (torch.rand(1, 5, 3) * 2 - 1) * 0.9
    noise = torch.randn(1, 5, 3)
    noisy = schedule.add_noise(chunk, noise, torch.tensor(schedule.timesteps[:1]))
    for timestep, below in zip(schedule.timesteps, [*schedule.timesteps[1:], None]):
        noisy = schedule.step(noisy, noise, timestep)
        expected = chunk
        if below is not None:
            expected = schedule.add_noise(chunk, noise, torch.tensor([below]))
        torch.testing.assert_close(noisy, expected, atol=2e-3, rtol=0)


def test_noise_levels_follow_the_squared_cosine():
    """Below the cap the product of betas telescopes: the signal is the curve itself."""
    schedule = DdimSchedule(DiffusionConfig())
    chunk, noise = torch.ones(49, 1, 1), torch.zeros(49, 1, 1)
    signal = schedule.add_noise(chunk, noise, torch.arange(49)).flatten()

    def curve(time):
        return math.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2

    expected = torch.tensor([curve((step + 1) / 50) / curve(0) for step in range(49)]).sqrt()
    torch.testing.assert_close(signal, expected, atol=1e-6, rtol=1e-4)


def test_predicted_chunks_are_clipped():
    schedule = DdimSchedule(DiffusionConfig())
    far = schedule.step(torch.full((1, 1, 1), 30.0), torch.zeros(1, 1, 1), 0)
    assert far.item() == 1.0


def test_timestep_embedding_is_sines_then_cosines():
    embedded = timestep_embedding(torch.tensor([0, 7]), 8)
    angles = [7 * 10000 ** (-index / 3) for index in range(4)]
    expected = [*map(math.sin, angles), *map(math.cos, angles)]
    torch.testing.assert_close(embedded[0], torch.tensor([0.0] * 4 + [1.0] * 4))
    torch.testing.assert_close(embedded[1], torch.tensor(expected))


@given(
    st.lists(st.floats(-1.5, 1.5, width=32), min_size=1, max_size=20),
    st.sampled_from([320, 448, 32000]),
)
def test_decoding_gives_back_an_action_to_half_a_bin(values, vocabulary):
    actions = torch.tensor(values)
    ids = bins.encode(actions, vocabulary)
    assert ((ids >= vocabulary - 256) & (ids < vocabulary)).all()
    error = (bins.decode(ids, vocabulary) - actions.clamp(-1, 1)).abs()
    assert error.max() <= 1 / 255 + 1e-6


@given(st.lists(st.integers(32000 - 255, 31999), min_size=1, max_size=20))
def test_encoding_gives_back_an_id(ids):
    tokens = torch.tensor(ids)
    assert torch.equal(bins.encode(bins.decode(tokens, 32000), 32000), tokens)


@pytest.mark.parametrize(
    ("action", "token"), [(-1.0, 31999), (-0.9999, 31999), (0.0, 31872), (0.9999, 31745)]
)
def test_action_ids_of_openvla(action, token):
    assert bins.encode(torch.tensor(action), 32000).item() == token


def test_one_itself_has_an_id_of_its_own_that_decodes_to_the_last_bin():
    assert bins.encode(torch.tensor([1.0, 2.0]), 32000).tolist() == [31744, 31744]
    last, own = bins.decode(torch.tensor([31745, 31744]), 32000)
    assert last == own


@pytest.mark.parametrize(("token", "value"), [(5, 1.0), (32063, -1.0)])
def test_ids_that_are_no_actions_give_the_nearest_bin(token, value):
    decoded = bins.decode(torch.tensor(token), 32000).item()
    assert decoded == pytest.approx(value * 254 / 255, abs=1e-6)


def test_discrete_actions_are_the_likeliest_tokens():
    policy, inputs = made("discrete")
    base = policy.config.llm.base_vocab_size
    assert base == policy.config.llm.vocab_size - 64
    with torch.no_grad():
        output = policy(*inputs, actions=right_actions(policy))
        logits = policy.language_model.lm_head(output.action_hidden)
    expected = bins.decode(logits.argmax(dim=-1), base).reshape(output.actions.shape)
    assert torch.equal(output.actions, expected)
    ids = bins.encode(right_actions(policy), base)
    chosen = logits.log_softmax(dim=-1).reshape(*ids.shape, -1).gather(-1, ids[..., None])[..., 0]
    torch.testing.assert_close(output.action_error, -chosen.mean(dim=-1))


def test_the_vocabulary_is_computed_at_the_answers_alone():
    policy, inputs = made("discrete")
    shapes = []
    policy.language_model.lm_head.register_forward_hook(
        lambda module, arguments, out: shapes.append(out.shape)
    )
    with torch.no_grad():
        policy(*inputs)
    assert shapes == [(2, policy.config.action_token_count, policy.config.llm.vocab_size)]


def test_the_discrete_head_has_no_weights_of_its_own():
    names = made("discrete")[0].state_dict()
    assert not any(name.startswith("action_head") for name in names)
    assert "language_model.lm_head.weight" in names


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head": "discrete"}, "per_step works with the heads l1 and diffusion"),
        (
            {"head": "discrete", "action_tokens": "per_dim", "llm.vocab_size": 300},
            "takes the last 256 ids of the vocabulary proper, which has 236",
        ),
        ({"diffusion": {"train_steps": 5, "inference_steps": 6}}, "6 inference steps, but only 5"),
    ],
)
def test_impossible_heads_are_refused(changes, message):
    fields = small_policy(action_tokens="per_step").config.model_dump()
    for path, value in changes.items():
        *groups, last = path.split(".")
        target = fields
        for group in groups:
            target = target[group]
        target[last] = value
    with pytest.raises(ValueError, match=message):
        ModelConfig.model_validate(fields)

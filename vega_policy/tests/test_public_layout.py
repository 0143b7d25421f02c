"""Names and shapes of the public state dicts, spelt out, against the network at its public size."""

import pytest
import torch

from vega_policy.model.policy import VegaPolicy
from vega_policy.recipe import load_recipe

LLM = 4096


def linear(name, inputs, outputs):
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def norm(name, dim):
    return {f"{name}.weight": (dim,), f"{name}.bias": (dim,)}


def block(name, dim, mlp, layer_scale):
    keys = {
        **norm(f"{name}.norm1", dim),
        **norm(f"{name}.norm2", dim),
        **linear(f"{name}.attn.qkv", dim, 3 * dim),
        **linear(f"{name}.attn.proj", dim, dim),
        **linear(f"{name}.mlp.fc1", dim, mlp),
        **linear(f"{name}.mlp.fc2", mlp, dim),
    }
    if layer_scale:
        keys |= {f"{name}.{scale}.scale_factor": (dim,) for scale in ("ls1", "ls2")}
    return keys


def base():
    """What `openvla/openvla-7b` holds."""
    dino, siglip = "vision_backbone.featurizer", "vision_backbone.fused_featurizer"
    keys = {
        f"{dino}.cls_token": (1, 1, 1024),
        f"{dino}.reg_token": (1, 4, 1024),
        f"{dino}.pos_embed": (1, 256, 1024),
        f"{dino}.patch_embed.proj.weight": (1024, 3, 14, 14),
        f"{dino}.patch_embed.proj.bias": (1024,),
        **norm(f"{dino}.norm", 1024),
        f"{siglip}.pos_embed": (1, 256, 1152),
        f"{siglip}.patch_embed.proj.weight": (1152, 3, 14, 14),
        f"{siglip}.patch_embed.proj.bias": (1152,),
        **norm(f"{siglip}.norm", 1152),
        f"{siglip}.attn_pool.latent": (1, 1, 1152),
        **linear(f"{siglip}.attn_pool.q", 1152, 1152),
        **linear(f"{siglip}.attn_pool.kv", 1152, 2304),
        **linear(f"{siglip}.attn_pool.proj", 1152, 1152),
        **norm(f"{siglip}.attn_pool.norm", 1152),
        **linear(f"{siglip}.attn_pool.mlp.fc1", 1152, 4304),
        **linear(f"{siglip}.attn_pool.mlp.fc2", 4304, 1152),
        **linear("projector.fc1", 2176, 8704),
        **linear("projector.fc2", 8704, LLM),
        **linear("projector.fc3", LLM, LLM),
        "language_model.model.embed_tokens.weight": (32064, LLM),
        "language_model.model.norm.weight": (LLM,),
        "language_model.lm_head.weight": (32064, LLM),
    }
    for number in range(24):
        keys |= block(f"{dino}.blocks.{number}", 1024, 4096, layer_scale=True)
    for number in range(27):
        keys |= block(f"{siglip}.blocks.{number}", 1152, 4304, layer_scale=False)
    for number in range(32):
        layer = f"language_model.model.layers.{number}"
        keys |= {f"{layer}.self_attn.{x}_proj.weight": (LLM, LLM) for x in "qkvo"}
        keys |= {
            f"{layer}.mlp.gate_proj.weight": (11008, LLM),
            f"{layer}.mlp.up_proj.weight": (11008, LLM),
            f"{layer}.mlp.down_proj.weight": (LLM, 11008),
            f"{layer}.input_layernorm.weight": (LLM,),
            f"{layer}.post_attention_layernorm.weight": (LLM,),
        }
    return keys


def film():
    keys = {}
    for tower, depth, dim in (("featurizer", 24, 1024), ("fused_featurizer", 27, 1152)):
        for number in range(depth):
            for layer in ("scale", "shift"):
                keys |= linear(f"vision_backbone.{tower}.blocks.{number}.{layer}", LLM, dim)
    return keys


def residual_mlp(name):
    return {
        **norm(f"{name}.layer_norm1", 14 * LLM),
        **linear(f"{name}.fc1", 14 * LLM, LLM),
        **norm(f"{name}.mlp_resnet_blocks.0.ffn.0", LLM),
        **linear(f"{name}.mlp_resnet_blocks.0.ffn.1", LLM, LLM),
        **norm(f"{name}.mlp_resnet_blocks.1.ffn.0", LLM),
        **linear(f"{name}.mlp_resnet_blocks.1.ffn.1", LLM, LLM),
        **norm(f"{name}.layer_norm2", LLM),
        **linear(f"{name}.fc2", LLM, 14),
    }


def projector(name, inputs):
    return {**linear(f"{name}.fc1", inputs, LLM), **linear(f"{name}.fc2", LLM, LLM)}


L1 = residual_mlp("action_head.model")
DIFFUSION = {
    **residual_mlp("action_head.noise_predictor.mlp_resnet"),
    **projector("noisy_action_projector", 1),
}
PROPRIO = projector("proprio_projector", 14)


def held(*overrides):
    policy = VegaPolicy.empty(load_recipe("openvla_oft_7b", list(overrides)).model)
    return {name: tuple(weight.shape) for name, weight in policy.state_dict().items()}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), {**base(), **film(), **L1, **PROPRIO}),
        (("model.film=false",), {**base(), **L1, **PROPRIO}),
        (("model.proprio=false", "model.film=false"), {**base(), **L1}),
        (("model.head=diffusion",), {**base(), **film(), **DIFFUSION, **PROPRIO}),
        (("model.head=discrete",), {**base(), **film(), **PROPRIO}),
    ],
)
def test_names_and_shapes(overrides, expected):
    assert held(*overrides) == expected


def test_the_base_has_the_public_number_of_weights():
    assert sum(torch.Size(shape).numel() for shape in base().values()) == 7_541_237_184


def test_lean_networks_leave_out_what_no_pass_computes():
    missing = base().keys() | film().keys() | L1.keys() | PROPRIO.keys()
    missing -= held("model.full_layout=false").keys()
    unused = (
        "vision_backbone.featurizer.blocks.23.",
        "vision_backbone.featurizer.norm.",
        "vision_backbone.fused_featurizer.blocks.26.",
        "vision_backbone.fused_featurizer.norm.",
        "vision_backbone.fused_featurizer.attn_pool.",
        "language_model.lm_head.",
    )
    assert {name for name in base() | film() if name.startswith(unused)} == missing


def test_lm_head_stays_where_it_decodes_actions():
    lean = held("model.full_layout=false", "model.head=discrete")
    assert lean["language_model.lm_head.weight"] == (32064, LLM)


def test_an_empty_network_allocates_nothing_but_the_rotary_frequencies():
    policy = VegaPolicy.empty(load_recipe("openvla_oft_7b").model)
    assert all(weight.is_meta for weight in policy.parameters())
    frequencies = policy.language_model.model.rotary_emb.inv_freq
    expected = 10000.0 ** -(torch.arange(64) / 64)
    torch.testing.assert_close(frequencies, expected)

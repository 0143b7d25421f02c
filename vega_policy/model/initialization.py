"""Initial weights: for training from scratch, which the public 7B never needs but the twin does,
and for measurements.

The towers' published initialisation (LayerScale 1e-5, random position embeddings) suits weeks of
pretraining. A small network that has an hour starts with open residual branches and with positions
already laid out as a plane.
"""

import math

import torch
from torch import Tensor, nn

from vega_policy.model.config import ModelConfig
from vega_policy.model.policy import VegaPolicy
from vega_policy.model.vit import DinoTower, VisionTower

POSITION_SCALE = 0.5
EMBEDDING_STD = 0.1
LINEAR_GAIN = 0.7


@torch.no_grad()
def initialize_from_scratch(policy: VegaPolicy) -> None:
    """Sets the weights of the towers and the language model; PyTorch's defaults stay elsewhere.

    Args:
        policy: Its towers and language model are overwritten from PyTorch's global generator.
    """
    backbone = policy.vision_backbone
    for tower in (backbone.featurizer, backbone.fused_featurizer):
        _initialize_tower(tower, policy.config.patch_grid)
    for module in policy.language_model.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=LINEAR_GAIN / math.sqrt(module.in_features))
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=EMBEDDING_STD)


def _initialize_tower(tower: VisionTower, grid: int) -> None:
    tower.pos_embed.copy_(POSITION_SCALE * plane_embedding(grid, tower.config.dim)[None])
    if isinstance(tower, DinoTower):
        for token in (tower.cls_token, tower.reg_token):
            nn.init.normal_(token, std=POSITION_SCALE)
    for block in tower.computed_blocks:
        for scale in (block.ls1, block.ls2):
            for parameter in scale.parameters():
                nn.init.ones_(parameter)
        if tower.film:
            # FiLM starts as the identity; the instruction's part in it is learnt.
            for layer in (block.scale, block.shift):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)


def plane_embedding(grid: int, dim: int) -> Tensor:
    """Sine-cosine embedding of a square grid, row by row: [grid * grid, dim]."""
    pairs = dim // 4
    omega = math.pi * 2.0 ** torch.linspace(-2, math.log2(grid / 2), pairs)
    at = (torch.arange(grid) + 0.5) / grid * 2 - 1
    angle = at[:, None] * omega
    axis = torch.cat([angle.sin(), angle.cos()], dim=1)
    rows = axis[:, None].expand(-1, grid, -1)
    columns = axis[None].expand(grid, -1, -1)
    plane = torch.cat([rows, columns], dim=-1).flatten(0, 1)
    return nn.functional.pad(plane, (0, dim - plane.shape[1]))


@torch.no_grad()
def random_on(
    config: ModelConfig, device: torch.device | str, dtype: torch.dtype, seed: int = 0
) -> VegaPolicy:
    """A policy of random weights, made directly where and as they shall be.

    For measurements: a network of billions of weights never exists in float32 or on the CPU first.
    Activations stay of order one, so that no arithmetic is faster than with real weights.

    Args:
        config: Sizes.
        device: Where to.
        dtype: Of vision backbone, projector and language model; action head and the projectors of
            numbers are float32.
        seed: Of the weights.
    """
    policy = VegaPolicy.empty(config).to_compute_dtype(dtype)
    generator = torch.Generator(device).manual_seed(seed)
    state = {
        name: _random_weight(name, torch.empty_like(weight, device=device), generator)
        for name, weight in policy.state_dict().items()
    }
    policy.load_state_dict(state, assign=True)
    return policy.to(device)


def _random_weight(name: str, out: Tensor, generator: torch.Generator) -> Tensor:
    if out.dim() == 1:
        return out.fill_(0.0 if name.endswith("bias") else 1.0)
    if name.endswith("weight") and "embed_tokens" not in name:
        std = LINEAR_GAIN / math.sqrt(out[0].numel())
    else:
        std = EMBEDDING_STD
    return out.normal_(std=std, generator=generator)

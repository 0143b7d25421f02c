"""What a chunk costs on paper, and what GPUs could do.

Matrix products and convolutions only, two operations a multiply-add. With T tokens, width d, MLP
width m:

    transformer block   2 T (4 d^2 + 2 d m) + 4 T^2 d       (towers; the language model's gated MLP
                                                             has 3 d m)
    patch embedding     2 T 3 p^2 d                          (patches of p x p pixels)
    MLP                 2 T (sum of in * out of its layers)  (projectors, heads)

Towers and fused projector count once for each view, without the blocks that are never computed.
FiLM depends on the instruction alone and is not counted: it is computed once, not for every chunk.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from vega_policy.model.config import ModelConfig, TowerConfig
from vega_policy.model.heads import RESIDUAL_BLOCKS
from vega_policy.model.vit import DinoTower

TERA = 1e12
BF16_PEAKS = {
    "B200": 2250.0,
    "H200": 989.0,
    "GH200": 989.0,
    "H100 PCIe": 756.0,
    "H100": 989.0,
    "A100": 312.0,
    "A800": 312.0,
    "L40S": 362.0,
    "L40": 181.0,
    "L4": 121.0,
    "A40": 150.0,
    "RTX 6000 Ada": 364.0,
    "RTX A6000": 155.0,
    "RTX 5090": 210.0,
    "RTX 4090": 165.0,
    "RTX 3090": 71.0,
}
"""Dense bfloat16 peaks with float32 accumulation, 1e12 operations a second, as NVIDIA states them;
of names that contain one another the longer is the one that counts."""


class Flops(NamedTuple):
    """Operations of one chunk by stage."""

    vision: float
    llm: float
    head: float

    @property
    def total(self) -> float:
        """Of all stages."""
        return sum(self)


class Tokens(NamedTuple):
    """Tokens of one sequence of the language model by part."""

    patches: int
    state: int
    noise_level: int
    prompt: int
    queries: int
    stop: int

    @property
    def total(self) -> int:
        """Length of the sequence."""
        return sum(self)


def tokens_of(config: ModelConfig, prompt: int) -> Tokens:
    """Length of a sequence.

    Args:
        config: Sizes.
        prompt: Tokens of the prompt, BOS included.
    """
    return Tokens(
        patches=config.views * config.patches_per_view,
        state=int(config.proprio),
        noise_level=int(config.head == "diffusion"),
        prompt=prompt,
        queries=config.action_token_count,
        stop=1,
    )


def flops_of(config: ModelConfig, prompt: int) -> Flops:
    """Operations of one chunk, see the module's docstring.

    Args:
        config: Sizes.
        prompt: Tokens of the prompt, BOS included.
    """
    llm = config.llm
    patches = config.views * config.patches_per_view
    fused = config.dino.dim + config.siglip.dim
    vision = config.views * (
        _tower(config, config.dino, DinoTower.prefix_tokens) + _tower(config, config.siglip, 0)
    )
    vision += _mlp(patches, fused, 4 * fused, llm.dim, llm.dim)
    if config.proprio:
        vision += _mlp(1, config.proprio_dim, llm.dim, llm.dim)

    length = tokens_of(config, prompt).total
    layer = 2 * length * (4 * llm.dim**2 + 3 * llm.dim * llm.ffn) + 4 * length**2 * llm.dim
    once = llm.layers * layer
    if config.head == "discrete":
        return Flops(vision, once, _mlp(config.action_token_count, llm.dim, llm.vocab_size))
    width = config.tokens_per_step * llm.dim
    residual = [llm.dim] * RESIDUAL_BLOCKS
    head = _mlp(config.chunk, width, llm.dim, *residual, config.action_dim)
    if config.head == "l1":
        return Flops(vision, once, head)
    noise = _mlp(config.action_token_count, config.values_per_token, llm.dim, llm.dim)
    passes = config.diffusion.inference_steps
    return Flops(vision, passes * (once + noise), passes * head)


def _tower(config: ModelConfig, tower: TowerConfig, prefix: int) -> float:
    """One view through one tower."""
    patches = config.patches_per_view
    tokens = patches + prefix
    embedding = 2 * patches * 3 * config.patch_size**2 * tower.dim
    weights = 4 * tower.dim**2 + 2 * tower.dim * tower.mlp_dim
    block = 2 * tokens * weights + 4 * tokens**2 * tower.dim
    return embedding + (tower.depth - 1) * block


def _mlp(tokens: int, *widths: int) -> float:
    return 2.0 * tokens * _products(widths)


def _products(widths: Sequence[int]) -> int:
    return sum(before * after for before, after in pairwise(widths))


def bf16_peak(device_name: str) -> float | None:
    """Dense bfloat16 peak of a GPU in operations a second; None if the GPU is not known."""
    known = [name for name in BF16_PEAKS if name.lower() in device_name.lower()]
    return BF16_PEAKS[max(known, key=len)] * TERA if known else None

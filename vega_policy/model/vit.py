"""Vision transformers with the parameter names of the public DINOv2 and SigLIP towers.

The towers stop at block ``depth - 2`` without a final norm and drop their prefix tokens, which is
what OpenVLA reads. FiLM sits inside each block between the attention and the MLP residual.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from vega_policy.model.attention import attend
from vega_policy.model.config import TowerConfig

NORM_EPS = 1e-6
REGISTERS = 4

Modulation = Sequence[tuple[Tensor, Tensor]]
"""For each computed block its FiLM (gamma, beta), each [N, dim] with N images, or [1, dim]."""


class LayerScale(nn.Module):
    """Learned scale of a residual branch; named as in the Hugging Face files, not ``gamma``."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.scale_factor = nn.Parameter(torch.full((dim,), 1e-5))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale_factor


class Attention(nn.Module):
    """Multi-head self-attention with one fused projection of queries, keys and values."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, dim = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, dim // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(attend(q, k, v).transpose(1, 2).reshape(batch, tokens, dim))


class Mlp(nn.Module):
    """Two linear layers with an exact GELU between."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(functional.gelu(self.fc1(x)))


class Block(nn.Module):
    """Pre-norm transformer block, optionally with FiLM.

    Args:
        config: Sizes of the tower.
        layer_scale: Whether the residual branches carry a learned scale (DINOv2 has it).
        film_dim: Width of the language embedding that modulates the block, or None for no FiLM.
    """

    def __init__(self, config: TowerConfig, layer_scale: bool, film_dim: int | None) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.dim, eps=NORM_EPS)
        self.attn = Attention(config.dim, config.heads)
        self.norm2 = nn.LayerNorm(config.dim, eps=NORM_EPS)
        self.mlp = Mlp(config.dim, config.mlp_dim)
        self.ls1 = LayerScale(config.dim) if layer_scale else nn.Identity()
        self.ls2 = LayerScale(config.dim) if layer_scale else nn.Identity()
        if film_dim is not None:
            self.scale = nn.Linear(film_dim, config.dim)
            self.shift = nn.Linear(film_dim, config.dim)

    def forward(self, x: Tensor, film: tuple[Tensor, Tensor] | None = None) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        if film is not None:
            gamma, beta = film
            x = x * (1 + gamma[:, None]) + beta[:, None]
        return x + self.ls2(self.mlp(self.norm2(x)))


class PatchEmbed(nn.Module):
    """Cuts an image into patches and projects each to a token, row by row."""

    def __init__(self, patch: int, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, kernel_size=patch, stride=patch)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.proj(pixels).flatten(2).transpose(1, 2)


class AttentionPool(nn.Module):
    """Weights of SigLIP's pooling head, which OpenVLA carries in its files but never computes."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.latent = nn.Parameter(torch.zeros(1, 1, config.dim))
        self.q = nn.Linear(config.dim, config.dim)
        self.kv = nn.Linear(config.dim, 2 * config.dim)
        self.proj = nn.Linear(config.dim, config.dim)
        self.norm = nn.LayerNorm(config.dim, eps=NORM_EPS)
        self.mlp = Mlp(config.dim, config.mlp_dim)


class VisionTower(nn.Module):
    """A vision transformer up to block ``depth - 2``.

    Args:
        config: Sizes.
        image_size: Pixels a side.
        patch_size: Pixels a side of a patch.
        film_dim: Width of the language embedding, or None for a tower without FiLM.
        full_layout: Whether to hold the public tower's last block and final norm, never computed.
    """

    prefix_tokens = 0
    layer_scale = False

    def __init__(
        self,
        config: TowerConfig,
        image_size: int,
        patch_size: int,
        film_dim: int | None,
        full_layout: bool,
    ) -> None:
        super().__init__()
        self.config = config
        self.film = film_dim is not None
        self.patch_embed = PatchEmbed(patch_size, config.dim)
        patches = (image_size // patch_size) ** 2
        self.pos_embed = nn.Parameter(torch.zeros(1, patches, config.dim))
        held = config.depth if full_layout else config.depth - 1
        self.blocks = nn.ModuleList(Block(config, self.layer_scale, film_dim) for _ in range(held))
        if full_layout:
            self.norm = nn.LayerNorm(config.dim, eps=NORM_EPS)

    @property
    def computed_blocks(self) -> Sequence[Block]:
        """The blocks that are run, ``depth - 1`` of them."""
        return [cast(Block, block) for block in self.blocks[: self.config.depth - 1]]

    def modulation(self, language: Tensor) -> list[tuple[Tensor, Tensor]]:
        """FiLM gamma and beta of every computed block.

        Args:
            language: Mean language embedding [B, film_dim].

        Returns:
            For each block (gamma, beta), each [B, dim].
        """
        return [(block.scale(language), block.shift(language)) for block in self.computed_blocks]

    def embed(self, pixels: Tensor) -> Tensor:
        """Patch tokens with position embedding, prefix tokens in front."""
        return self.patch_embed(pixels) + self.pos_embed

    def forward(self, pixels: Tensor, modulation: Modulation | None = None) -> Tensor:
        """Patch features of a batch of images.

        Args:
            pixels: Normalised images [N, 3, H, W].
            modulation: FiLM of every block, or None for the plain, language-free features.

        Returns:
            Output of block ``depth - 2`` without final norm or prefix tokens, [N, patches, dim].
        """
        x = self.embed(pixels)
        for index, block in enumerate(self.computed_blocks):
            x = block(x, None if modulation is None else modulation[index])
        return x[:, self.prefix_tokens :]


class DinoTower(VisionTower):
    """DINOv2 with registers: LayerScale; position embedding on the patches only."""

    prefix_tokens = 1 + REGISTERS
    layer_scale = True

    def __init__(
        self,
        config: TowerConfig,
        image_size: int,
        patch_size: int,
        film_dim: int | None,
        full_layout: bool,
    ) -> None:
        super().__init__(config, image_size, patch_size, film_dim, full_layout)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.dim))
        self.reg_token = nn.Parameter(torch.zeros(1, REGISTERS, config.dim))

    def embed(self, pixels: Tensor) -> Tensor:
        patches = super().embed(pixels)
        prefix = torch.cat([self.cls_token, self.reg_token], dim=1)
        return torch.cat([prefix.expand(len(patches), -1, -1).to(patches.dtype), patches], dim=1)


class SiglipTower(VisionTower):
    """SigLIP: no prefix tokens, no LayerScale."""

    def __init__(
        self,
        config: TowerConfig,
        image_size: int,
        patch_size: int,
        film_dim: int | None,
        full_layout: bool,
    ) -> None:
        super().__init__(config, image_size, patch_size, film_dim, full_layout)
        if full_layout:
            self.attn_pool = AttentionPool(config)

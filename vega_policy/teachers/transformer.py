"""Transformer blocks with the parameter names of the published teachers (timm, DINOv2, VGGT)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from vega_policy.model.attention import attend
from vega_policy.model.vit import Mlp

PUBLIC_HEAD_DIM = 64
SMALLEST_PUBLIC_DIM = 192
TINY_HEAD_DIM = 16

Rotation = tuple[Tensor, Tensor]
"""Cosines and sines of a rotary embedding, each [1, 1, tokens, head_dim]."""


def heads_of(dim: int) -> int:
    """Attention heads of a tower, which no weight's shape tells.

    Every published tower, from ViT-Ti (192 wide) on, has 64 dimensions a head. Narrower towers only
    exist for tests and have 16.
    """
    head_dim = PUBLIC_HEAD_DIM if dim >= SMALLEST_PUBLIC_DIM else TINY_HEAD_DIM
    return max(1, dim // head_dim)


class PatchEmbed(nn.Module):
    """Cuts images into patches and projects each."""

    def __init__(self, dim: int, patch: int, bias: bool = True) -> None:
        super().__init__()
        self.patch = patch
        self.proj = nn.Conv2d(3, dim, patch, patch, bias=bias)

    def forward(self, images: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, dim, rows, columns]."""
        return self.proj(images)


class LayerScale(nn.Module):
    """Learned scale of a residual branch."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class Attention(nn.Module):
    """Multi-head self-attention, optionally with normalised and rotated queries and keys."""

    def __init__(self, dim: int, heads: int, eps: float, qk_norm: bool) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        head_dim = dim // heads
        self.q_norm = nn.LayerNorm(head_dim, eps=eps) if qk_norm else nn.Identity()
        self.k_norm = nn.LayerNorm(head_dim, eps=eps) if qk_norm else nn.Identity()

    def forward(self, x: Tensor, rotation: Rotation | None = None) -> Tensor:
        batch, tokens, dim = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, dim // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        q, k = self.q_norm(q), self.k_norm(k)
        if rotation is not None:
            q, k = rotate(q, rotation), rotate(k, rotation)
        return self.proj(attend(q, k, v).transpose(1, 2).reshape(batch, tokens, dim))


class Block(nn.Module):
    """Pre-norm transformer block.

    Args:
        dim: Width.
        heads: Attention heads.
        mlp_dim: Hidden width of the MLP.
        eps: Of every norm.
        layer_scale: Whether the residual branches carry a learned scale.
        qk_norm: Whether queries and keys are normalised.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        mlp_dim: int,
        eps: float,
        layer_scale: bool,
        qk_norm: bool = False,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=eps)
        self.attn = Attention(dim, heads, eps, qk_norm)
        self.ls1 = LayerScale(dim) if layer_scale else nn.Identity()
        self.norm2 = nn.LayerNorm(dim, eps=eps)
        self.mlp = Mlp(dim, mlp_dim)
        self.ls2 = LayerScale(dim) if layer_scale else nn.Identity()

    def forward(self, x: Tensor, rotation: Rotation | None = None) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x), rotation))
        return x + self.ls2(self.mlp(self.norm2(x)))


def rotate(x: Tensor, rotation: Rotation) -> Tensor:
    """Two-dimensional rotary embedding: the first half of each head turns with the row, the second
    with the column.

    Args:
        x: [N, heads, tokens, head_dim].
        rotation: Of :func:`plane_rotation`.
    """
    cosine, sine = rotation
    rows, columns = x.unflatten(-1, (2, 2, -1)).unbind(-3)
    turned = torch.stack([_quarter_turn(rows), _quarter_turn(columns)], dim=-3).flatten(-3)
    return x * cosine + turned * sine


def _quarter_turn(pairs: Tensor) -> Tensor:
    """[..., 2, pairs]: each (a, b) becomes (-b, a)."""
    first, second = pairs.unbind(-2)
    return torch.stack([-second, first], dim=-2)


def plane_rotation(positions: Tensor, head_dim: int, frequency: float, like: Tensor) -> Rotation:
    """Rotations of tokens on a plane.

    Args:
        positions: Row and column of each token [tokens, 2].
        head_dim: Divisible by 4.
        frequency: Base of the wavelengths.
        like: Tensor whose dtype the result gets.

    Returns:
        Cosines and sines, each [1, 1, tokens, head_dim].
    """
    quarter = head_dim // 4
    exponent = torch.arange(quarter, device=positions.device).float() / quarter
    angle = positions.float()[:, :, None] * frequency**-exponent
    angle = angle.repeat(1, 1, 2).flatten(1)[None, None]
    return angle.cos().to(like.dtype), angle.sin().to(like.dtype)


def placed(planes: Tensor, positions: Tensor) -> Tensor:
    """Patch tokens with a position embedding that is made for a square grid.

    Args:
        planes: Of :class:`PatchEmbed`, [N, dim, rows, columns].
        positions: [1, side * side, dim].

    Returns:
        [N, rows * columns, dim].
    """
    grid = (planes.shape[2], planes.shape[3])
    return planes.flatten(2).transpose(1, 2) + resample_positions(positions, grid)


def resample_positions(embedding: Tensor, grid: tuple[int, int]) -> Tensor:
    """Position embedding of a square grid for another one, in float32.

    Args:
        embedding: [1, side * side, dim], row by row.
        grid: Rows and columns wanted; the embedding is returned as it is if it has them.

    Returns:
        [1, rows * columns, dim], interpolated bicubically with antialiasing.
    """
    side = round(embedding.shape[1] ** 0.5)
    if grid == (side, side):
        return embedding
    plane = embedding.float().unflatten(1, (side, side)).permute(0, 3, 1, 2)
    plane = functional.interpolate(plane, size=grid, mode="bicubic", antialias=True)
    return plane.flatten(2).transpose(1, 2).to(embedding.dtype)

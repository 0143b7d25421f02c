"""The FiT3D teacher: a vision transformer fine-tuned on multi-view consistent features.

    load_fit3d(path: Path, heads: int | None = None, dtype=torch.float32) -> FineTunedViT
    FineTunedViT(pixels [N, 3, H, W], norm=True) -> features [N, patches, dim]

The paper's teacher is 1024 wide, a ViT-L that was never published (the published ones are 384 or
768 wide); a privately trained ViT-L with registers loads here as the others do. What the file is
follows from its shapes and names alone:

==============================  ==============================================================
DINOv2, with and without        LayerScale; the position embedding covers the class token unless
registers                       there are registers
CLIP                            a norm in front of the blocks, patches without bias, all norms 1e-5
MAE                             the position embedding covers the class token
DeiT III                        LayerScale; the position embedding covers the patches only
==============================  ==============================================================

Choices where the paper is silent:

- Features are those of the final block behind the final norm: that is what FiT3D supervises and
  reads out, and the raw residual stream has outlier channels. ``norm=False`` leaves it out.
- Only the fine-tuned features are used, not concatenated with those before fine-tuning.
- The teacher sees the DINOv2 channels of the same augmented images as the student, as they are:
  their mean and deviation are FiT3D's up to OpenVLA's rounding (0.484 for 0.485), and a crop of its
  own would shift the patches.
- Patches of 16 pixels (CLIP, MAE, DeiT III) do not line up with the student's 14. The normalised
  image is then resized bilinearly, as FiT3D's own demo does it, so that the teacher's grid has as
  many patches as the student's: 256 pixels for 16 x 16.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from vega_policy.errors import CheckpointError, RecipeError
from vega_policy.teachers.fit3d.config import SOURCE, Fit3dConfig
from vega_policy.teachers.teacher import TeacherInput, dino_views, on_device_of
from vega_policy.teachers.transformer import Block, PatchEmbed, heads_of, placed
from vega_policy.teachers.weights import (
    block_count,
    check_layout,
    load_strictly,
    read_state,
    shape_of,
)

PAPERS_DIM = 1024
"""Width of the paper's teacher."""
_DEPTHS = {384: 12, 768: 12, 1024: 24, 1536: 40}
"""Blocks of DINOv2's towers by their width."""


class FineTunedViT(nn.Module):
    """A vision transformer of the published FiT3D layout.

    Args:
        dim: Width.
        depth: Blocks.
        heads: Attention heads.
        mlp_dim: Hidden width of the MLPs.
        patch: Pixels a side of a patch.
        positions: Rows of the position embedding.
        registers: Register tokens.
        layer_scale: Whether residual branches are scaled.
        norm_pre: Whether a norm stands in front of the blocks, as in CLIP.
    """

    def __init__(
        self,
        dim: int,
        depth: int,
        heads: int,
        mlp_dim: int,
        patch: int,
        positions: int,
        registers: int,
        layer_scale: bool,
        norm_pre: bool,
    ) -> None:
        super().__init__()
        self.dim = dim
        self.patch = patch
        self.prefix_tokens = 1 + registers
        self._placed_prefix = positions - _largest_square(positions)
        eps = 1e-5 if norm_pre else 1e-6
        self.patch_embed = PatchEmbed(dim, patch, bias=not norm_pre)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        if registers:
            self.reg_token = nn.Parameter(torch.zeros(1, registers, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, positions, dim))
        self.norm_pre = nn.LayerNorm(dim, eps=eps) if norm_pre else nn.Identity()
        self.blocks = nn.ModuleList(
            Block(dim, heads, mlp_dim, eps, layer_scale) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim, eps=eps)

    def forward(self, pixels: Tensor, norm: bool = True) -> Tensor:
        """Patch features of the final block.

        Args:
            pixels: Normalised images [N, 3, H, W], each side a multiple of the patch.
            norm: Whether the final norm is applied.

        Returns:
            [N, patches, dim], row by row.
        """
        x = self.norm_pre(self._embed(pixels))
        for block in self.blocks:
            x = block(x)
        x = self.norm(x) if norm else x
        return x[:, self.prefix_tokens :]

    def _embed(self, pixels: Tensor) -> Tensor:
        """Prefix tokens, then patches."""
        split = self._placed_prefix
        prefix: Tensor = self.cls_token
        if self.prefix_tokens > 1:
            prefix = torch.cat([prefix, self.reg_token], dim=1)
        if split:
            prefix = prefix + self.pos_embed[:, :split]
        patches = placed(self.patch_embed(pixels), self.pos_embed[:, split:])
        return torch.cat([prefix.expand(len(patches), -1, -1), patches], dim=1)


def load_fit3d(
    path: Path, heads: int | None = None, dtype: torch.dtype = torch.float32
) -> FineTunedViT:
    """Reads a FiT3D checkpoint: a flat timm state dict, or a training checkpoint around one.

    Args:
        path: ``.pth`` or ``.safetensors``.
        heads: Attention heads; None takes 64 dimensions a head, as every published tower has.
        dtype: Of the weights from then on.

    Raises:
        RecipeError: The file is missing (the error says how to get it), or ``heads`` do not divide
            the width.
        CheckpointError: The file is corrupt or not of the published layout.
    """
    state = read_state(path, SOURCE)
    return load_strictly(_of_shapes(state, heads, path), state, path, dtype)


def check_fit3d(config: Fit3dConfig, path: Path) -> int:
    """Width of a teacher's features, from names and shapes in its file alone.

    Raises:
        RecipeError: The file is missing or not as wide as the recipe says.
        CheckpointError: The file is corrupt or not of the published layout.
    """
    state = read_state(path, SOURCE)
    model = _of_shapes(state, config.heads, path)
    check_layout(model, state, path)
    if config.dim is not None and config.dim != model.dim:
        raise RecipeError(
            f"alignment.fit3d.dim is {config.dim}, the teacher {path} is {model.dim} wide: correct "
            "the recipe or take another file"
        )
    return model.dim


def _of_shapes(state: Mapping[str, Tensor], heads: int | None, path: Path) -> FineTunedViT:
    dim, _, patch, _ = shape_of(state, "patch_embed.proj.weight", 4, path)
    positions = shape_of(state, "pos_embed", 3, path)[1]
    mlp_dim = shape_of(state, "blocks.0.mlp.fc1.weight", 2, path)[0]
    registers = shape_of(state, "reg_token", 3, path)[1] if "reg_token" in state else 0
    heads = heads or heads_of(dim)
    if dim % heads:
        raise RecipeError(
            f"{path}: a width of {dim} is not a multiple of {heads} heads: set "
            "alignment.fit3d.heads"
        )
    if positions - _largest_square(positions) not in (0, 1 + registers):
        raise CheckpointError(
            f"{path}: a position embedding of {positions} rows is neither a square grid nor one "
            f"with {1 + registers} prefix tokens"
        )
    with torch.device("meta"):
        return FineTunedViT(
            dim=dim,
            depth=block_count(state, "blocks."),
            heads=heads,
            mlp_dim=mlp_dim,
            patch=patch,
            positions=positions,
            registers=registers,
            layer_scale="blocks.0.ls1.gamma" in state,
            norm_pre="norm_pre.weight" in state,
        )


def _largest_square(count: int) -> int:
    return int(count**0.5) ** 2


def sized_fit3d(config: Fit3dConfig) -> FineTunedViT:
    """A DINOv2 tower with registers, as wide as the recipe says, without memory for its weights."""
    dim = config.dim or PAPERS_DIM
    with torch.device("meta"):
        model = FineTunedViT(
            dim=dim,
            depth=_DEPTHS.get(dim, _DEPTHS[PAPERS_DIM]),
            heads=config.heads or heads_of(dim),
            mlp_dim=4 * dim,
            patch=14,
            positions=37**2,
            registers=4,
            layer_scale=True,
            norm_pre=False,
        )
    return model.to(getattr(torch, config.precision)).eval().requires_grad_(False)


class Fit3dTeacher:
    """Patch features of each view by itself.

    Args:
        config: Which file, and how to read it.
        path: The file; None for a teacher of its sizes alone, on the meta device.
        grid: The student's patches along one side of a view.

    Raises:
        RecipeError: The file is missing or not as wide as the recipe says.
        CheckpointError: The file is corrupt or not of the published layout.
    """

    def __init__(self, config: Fit3dConfig, path: Path | None, grid: int) -> None:
        if path is None:
            self.model = sized_fit3d(config)
        else:
            check_fit3d(config, path)
            self.model = load_fit3d(path, config.heads, getattr(torch, config.precision))
        self.dim = self.model.dim
        self._norm = config.final_norm
        self._side = grid * self.model.patch

    @torch.no_grad()
    def targets(self, batch: TeacherInput) -> list[Tensor]:
        """Features [B, V, grid * grid, dim], float32."""
        views = dino_views(batch.pixels)
        model = on_device_of(self.model, views)
        flat = views.flatten(0, 1)
        if flat.shape[-1] != self._side:
            size = (self._side, self._side)
            flat = functional.interpolate(flat, size=size, mode="bilinear", align_corners=False)
        features = model(flat.to(model.pos_embed.dtype), self._norm)
        return [features.float().unflatten(0, views.shape[:2])]

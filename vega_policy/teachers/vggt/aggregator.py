"""The VGGT teacher: the aggregator of a model that reconstructs scenes from several views.

    load_aggregator(path: Path, dtype=torch.float32) -> Aggregator
    Aggregator(images [B, V, 3, H, W] in [0, 1], layers=None) -> list of [B, V, 5 + n, 2 * dim]

A DINOv2 tower embeds the patches of each view; blocks then attend in turn within a view and over
all of them. Camera and register tokens come first, one set for the first view and another for the
rest, so the order of views counts: the head camera is first. The published file is VGGT-1B, of
which only ``aggregator.*`` is read; sizes follow from shapes.

The paper names VGGT as the teacher of an ablation and says neither layer nor resampling nor
position embedding. As in Spatial Forcing, the views are taken back to [0, 1], enlarged bicubically
to 518 pixels, and the last entry of the output list is the target, without special tokens.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from vega_policy.errors import CheckpointError, RecipeError
from vega_policy.images import DINO_MEAN, DINO_STD
from vega_policy.teachers.teacher import TeacherInput, dino_views, on_device_of
from vega_policy.teachers.transformer import (
    Block,
    PatchEmbed,
    Rotation,
    placed,
    plane_rotation,
)
from vega_policy.teachers.vggt.config import PUBLIC_WIDTH, SOURCE, VggtConfig
from vega_policy.teachers.weights import (
    block_count,
    check_layout,
    load_strictly,
    read_state,
    shape_of,
)

UNUSED = (
    "camera_head.",
    "point_head.",
    "depth_head.",
    "track_head.",
    "aggregator.patch_embed.mask_token",
)
"""What the published file holds besides: the output heads, and a token of DINOv2's pretraining."""

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""VGGT normalises by these itself; the policy's own constants are the same, but rounded."""

ROTARY_FREQUENCY = 100.0
EMBED_EPS = 1e-6
EPS = 1e-5
_HIDDEN = "mlp.fc1.weight"


class PatchTower(nn.Module):
    """DINOv2 with registers as VGGT carries it; the position embedding covers the class token."""

    def __init__(
        self, dim: int, depth: int, heads: int, mlp_dim: int, patch: int, positions: int, regs: int
    ) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(dim, patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.register_tokens = nn.Parameter(torch.zeros(1, regs, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, positions, dim))
        self.blocks = nn.ModuleList(
            Block(dim, heads, mlp_dim, EMBED_EPS, layer_scale=True) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim, eps=EMBED_EPS)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images [N, 3, H, W] -> normed patch tokens [N, patches, dim]."""
        patches = placed(self.patch_embed(images), self.pos_embed[:, 1:])
        prefix = torch.cat([self.cls_token + self.pos_embed[:, :1], self.register_tokens], dim=1)
        x = torch.cat([prefix.expand(len(patches), -1, -1), patches], dim=1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)[:, prefix.shape[1] :]


class Aggregator(nn.Module):
    """Alternating attention within and over the views.

    Args:
        embed: Of the patches.
        dim: Width.
        depth: Pairs of blocks, which is the number of outputs.
        head_dim: Dimensions of a head.
        mlp_dim: Hidden width of the MLPs.
        registers: Register tokens of a view.
    """

    def __init__(
        self, embed: PatchTower, dim: int, depth: int, head_dim: int, mlp_dim: int, registers: int
    ) -> None:
        super().__init__()
        self.dim = dim
        self.head_dim = head_dim
        self.special_tokens = 1 + registers
        self.patch_embed = embed
        heads = dim // head_dim
        self.frame_blocks, self.global_blocks = (
            nn.ModuleList(Block(dim, heads, mlp_dim, EPS, True, True) for _ in range(depth))
            for _ in range(2)
        )
        self.camera_token = nn.Parameter(torch.zeros(1, 2, 1, dim))
        self.register_token = nn.Parameter(torch.zeros(1, 2, registers, dim))

    @property
    def depth(self) -> int:
        """Number of outputs."""
        return len(self.frame_blocks)

    @property
    def patch(self) -> int:
        """Pixels a side of a patch."""
        return self.patch_embed.patch_embed.patch

    def forward(self, images: Tensor, layers: Sequence[int] | None = None) -> list[Tensor]:
        """Tokens after each pair of blocks: those of the frame block, then of the global one.

        Args:
            images: [B, V, 3, H, W] in [0, 1], each side a multiple of the patch.
            layers: Which outputs, negative from the end; None for all.

        Returns:
            For each layer [B, V, 1 + registers + patches, 2 * dim].
        """
        wanted = range(self.depth) if layers is None else [i % self.depth for i in layers]
        batch, views = images.shape[:2]
        rotation = self._rotation(images)
        over_views = (rotation[0].repeat(1, 1, views, 1), rotation[1].repeat(1, 1, views, 1))
        x = self._tokens(images)
        outputs = {}
        for index in range(max(wanted) + 1):
            x = frame = self.frame_blocks[index](x.flatten(0, 1), rotation).unflatten(
                0, (batch, views)
            )
            x = self.global_blocks[index](x.flatten(1, 2), over_views).unflatten(1, (views, -1))
            if index in wanted:
                outputs[index] = torch.cat([frame, x], dim=-1)
        return [outputs[index] for index in wanted]

    def _tokens(self, images: Tensor) -> Tensor:
        """[B, V, 1 + registers + patches, dim]: camera token, registers, patches."""
        batch, views = images.shape[:2]
        mean, std = (images.new_tensor(value).view(3, 1, 1) for value in (MEAN, STD))
        normalised = ((images - mean) / std).to(self.camera_token.dtype)
        patches = self.patch_embed(normalised.flatten(0, 1)).unflatten(0, (batch, views))
        special = torch.cat([self.camera_token, self.register_token], dim=2)
        kind = torch.ones(views, dtype=torch.long, device=images.device)
        kind[0] = 0
        return torch.cat([special[:, kind].expand(batch, -1, -1, -1), patches], dim=2)

    def _rotation(self, images: Tensor) -> Rotation:
        """Patches are at their row and column from 1 on, special tokens at 0."""
        rows, columns = (
            torch.arange(1, side // self.patch + 1, device=images.device)
            for side in images.shape[-2:]
        )
        positions = torch.cartesian_prod(rows, columns)
        special = positions.new_zeros(self.special_tokens, 2)
        positions = torch.cat([special, positions])
        return plane_rotation(positions, self.head_dim, ROTARY_FREQUENCY, self.camera_token)


def load_aggregator(path: Path, dtype: torch.dtype = torch.float32) -> Aggregator:
    """Reads the aggregator of a published VGGT file.

    Args:
        path: ``.safetensors`` or ``.pt`` with ``aggregator.*``; the output heads are left out.
        dtype: Of the weights from then on.

    Raises:
        RecipeError: The file is missing; the error says how to get it.
        CheckpointError: The file is corrupt or not of the published layout.
    """
    state = _read(path)
    return load_strictly(_of_shapes(state, path), state, path, dtype)


def check_vggt(config: VggtConfig, path: Path, layers: Sequence[int]) -> int:
    """Width of a teacher's features, from names and shapes in its file alone.

    Raises:
        RecipeError: The file is missing, a layer does not exist, or the image size is impossible.
        CheckpointError: The file is corrupt or not of the published layout.
    """
    state = _read(path)
    model = _of_shapes(state, path)
    check_layout(model, state, path)
    for layer in layers:
        if not -1 <= layer < model.depth:
            raise RecipeError(
                f"VGGT layer {layer} does not exist: {path} has the entries 0 to "
                f"{model.depth - 1}, and -1 for the last"
            )
    if config.image_size % model.patch:
        raise RecipeError(
            f"alignment.vggt.image_size is {config.image_size}, not a multiple of VGGT's patch "
            f"size {model.patch}"
        )
    return 2 * model.dim


def _read(path: Path) -> dict[str, Tensor]:
    found = read_state(path, SOURCE)
    found = {key: value for key, value in found.items() if not key.startswith(UNUSED)}
    foreign = [key for key in found if not key.startswith("aggregator.")]
    if foreign:
        raise CheckpointError(
            f"{path} is not of the published layout: unexpected {', '.join(foreign[:8])}"
        )
    return {key.removeprefix("aggregator."): value for key, value in found.items()}


def _of_shapes(state: Mapping[str, Tensor], path: Path) -> Aggregator:
    _, _, registers, dim = shape_of(state, "register_token", 4, path)
    head_dim = shape_of(state, "frame_blocks.0.attn.q_norm.weight", 1, path)[0]
    proj = "patch_embed.patch_embed.proj.weight"
    embed_dim, _, patch, _ = shape_of(state, proj, 4, path)
    if dim % head_dim or embed_dim % head_dim or head_dim % 4:
        raise CheckpointError(
            f"{path}: heads of {head_dim} dimensions do not fit widths of {dim} and {embed_dim}; "
            "expected a multiple of 4 that divides both"
        )
    with torch.device("meta"):
        embed = PatchTower(
            dim=embed_dim,
            depth=block_count(state, "patch_embed.blocks."),
            heads=embed_dim // head_dim,
            mlp_dim=shape_of(state, f"patch_embed.blocks.0.{_HIDDEN}", 2, path)[0],
            patch=patch,
            positions=shape_of(state, "patch_embed.pos_embed", 3, path)[1],
            regs=shape_of(state, "patch_embed.register_tokens", 3, path)[1],
        )
        return Aggregator(
            embed,
            dim=dim,
            depth=block_count(state, "frame_blocks."),
            head_dim=head_dim,
            mlp_dim=shape_of(state, f"frame_blocks.0.{_HIDDEN}", 2, path)[0],
            registers=registers,
        )


def sized_vggt(config: VggtConfig) -> Aggregator:
    """The aggregator of VGGT-1B, without memory for its weights."""
    dim, heads, mlp_dim = PUBLIC_WIDTH // 2, 16, 4096
    with torch.device("meta"):
        embed = PatchTower(dim, 24, heads, mlp_dim, patch=14, positions=37**2 + 1, regs=4)
        model = Aggregator(embed, dim, 24, dim // heads, mlp_dim, registers=4)
    return model.to(getattr(torch, config.precision)).eval().requires_grad_(False)


class VggtTeacher:
    """Patch features of all views of a sample, seen together.

    Args:
        config: How to read the file and what to show it.
        path: The file; None for a teacher of its sizes alone, on the meta device.
        layers: Entries of the aggregator's output list, -1 for the last.

    Raises:
        RecipeError: The file is missing, a layer does not exist, or the image size is impossible.
        CheckpointError: The file is corrupt or not of the published layout.
    """

    def __init__(self, config: VggtConfig, path: Path | None, layers: Sequence[int]) -> None:
        if path is None:
            self.model = sized_vggt(config)
        else:
            check_vggt(config, path, layers)
            self.model = load_aggregator(path, getattr(torch, config.precision))
        self.dim = 2 * self.model.dim
        self._layers = tuple(layers)
        self._size = config.image_size

    @torch.no_grad()
    def targets(self, batch: TeacherInput) -> list[Tensor]:
        """For each layer [B, V, patches, 2 * width], float32."""
        views = dino_views(batch.pixels)
        model = on_device_of(self.model, views)
        outputs = model(vggt_images(views, self._size), self._layers)
        return [output[:, :, model.special_tokens :].float() for output in outputs]


def vggt_images(views: Tensor, size: int) -> Tensor:
    """DINOv2-normalised views [B, V, 3, S, S] as VGGT wants them: [0, 1], enlarged bicubically."""
    mean, std = (views.new_tensor(value).view(3, 1, 1) for value in (DINO_MEAN, DINO_STD))
    images = views * std + mean
    if images.shape[-1] == size:
        return images
    flat = functional.interpolate(
        images.flatten(0, 1), size=(size, size), mode="bicubic", align_corners=False
    )
    return flat.unflatten(0, views.shape[:2])

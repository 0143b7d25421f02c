"""Random weight files of the published teachers' layouts, at small sizes."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save_file
from torch import Tensor


class Fit3dForm(NamedTuple):
    """What tells one published FiT3D file from another.

    Attributes:
        patch: Pixels a side of a patch.
        grid: Patches a side of the images that the position embedding is made for.
        placed: Prefix tokens that the position embedding covers.
        registers: Register tokens.
        layer_scale: Whether residual branches are scaled.
        norm_pre: Whether a norm stands in front of the blocks.
    """

    patch: int
    grid: int
    placed: int
    registers: int
    layer_scale: bool
    norm_pre: bool


FIT3D_FORMS = {
    "dinov2_small": Fit3dForm(14, 37, 1, 0, True, False),
    "dinov2_base": Fit3dForm(14, 37, 1, 0, True, False),
    "dinov2_reg_small": Fit3dForm(14, 37, 0, 4, True, False),
    "clip_base": Fit3dForm(16, 24, 1, 0, False, True),
    "mae_base": Fit3dForm(16, 14, 1, 0, False, False),
    "deit3_base": Fit3dForm(16, 14, 0, 0, True, False),
    "dinov2_reg_large": Fit3dForm(14, 37, 0, 4, True, False),
}


def fit3d_state(form: Fit3dForm, dim: int = 32, depth: int = 2) -> dict[str, Tensor]:
    """Random weights of a FiT3D file, under timm's names."""
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, dim),
        "pos_embed": (1, form.grid**2 + form.placed, dim),
        "patch_embed.proj.weight": (dim, 3, form.patch, form.patch),
        "norm.weight": (dim,),
        "norm.bias": (dim,),
    }
    if form.registers:
        shapes["reg_token"] = (1, form.registers, dim)
    if form.norm_pre:
        shapes |= {"norm_pre.weight": (dim,), "norm_pre.bias": (dim,)}
    else:
        shapes["patch_embed.proj.bias"] = (dim,)
    for index in range(depth):
        shapes |= dict(_block(f"blocks.{index}.", dim, form.layer_scale, None))
    return _random(shapes)


def vggt_state(dim: int = 32, depth: int = 2, head_dim: int = 8) -> dict[str, Tensor]:
    """Random weights of a VGGT file, its output heads included, under the published names."""
    tower, root = "aggregator.patch_embed.", "aggregator."
    shapes: dict[str, tuple[int, ...]] = {
        f"{root}camera_token": (1, 2, 1, dim),
        f"{root}register_token": (1, 2, 4, dim),
        f"{tower}cls_token": (1, 1, dim),
        f"{tower}register_tokens": (1, 4, dim),
        f"{tower}mask_token": (1, dim),
        f"{tower}pos_embed": (1, 37**2 + 1, dim),
        f"{tower}patch_embed.proj.weight": (dim, 3, 14, 14),
        f"{tower}patch_embed.proj.bias": (dim,),
        f"{tower}norm.weight": (dim,),
        f"{tower}norm.bias": (dim,),
        "camera_head.token_norm.weight": (2 * dim,),
        "point_head.norm.weight": (2 * dim,),
        "depth_head.norm.weight": (2 * dim,),
        "track_head.feature_extractor.norm.weight": (2 * dim,),
    }
    shapes |= dict(_block(f"{tower}blocks.0.", dim, True, None))
    for index in range(depth):
        for kind in ("frame", "global"):
            shapes |= dict(_block(f"{root}{kind}_blocks.{index}.", dim, True, head_dim))
    return _random(shapes)


def write_fit3d(path: Path, form: str = "dinov2_reg_large", dim: int = 32, depth: int = 2) -> Path:
    """Writes a FiT3D file and returns its path."""
    save_file(fit3d_state(FIT3D_FORMS[form], dim, depth), path)
    return path


def write_vggt(path: Path, dim: int = 32, depth: int = 2) -> Path:
    """Writes a VGGT file and returns its path."""
    save_file(vggt_state(dim, depth), path)
    return path


def _block(
    prefix: str, dim: int, layer_scale: bool, qk_norm: int | None
) -> Iterator[tuple[str, tuple[int, ...]]]:
    linear = {
        "attn.qkv": (3 * dim, dim),
        "attn.proj": (dim, dim),
        "mlp.fc1": (4 * dim, dim),
        "mlp.fc2": (dim, 4 * dim),
    }
    for name, shape in linear.items():
        yield f"{prefix}{name}.weight", shape
        yield f"{prefix}{name}.bias", shape[:1]
    norms = {"norm1": dim, "norm2": dim}
    if qk_norm is not None:
        norms |= {"attn.q_norm": qk_norm, "attn.k_norm": qk_norm}
    for name, width in norms.items():
        yield f"{prefix}{name}.weight", (width,)
        yield f"{prefix}{name}.bias", (width,)
    if layer_scale:
        yield f"{prefix}ls1.gamma", (dim,)
        yield f"{prefix}ls2.gamma", (dim,)


def _random(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: 0.3 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}

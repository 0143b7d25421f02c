"""A folder like models/ in which every shipped recipe can be trained at a size of thousands of
weights: the recipes themselves, a base checkpoint and files of random teachers.
"""

import shutil
from pathlib import Path

import torch
from torch import nn

from vega_policy.recipe import models_dir
from vega_policy.teachers.fit3d.vit import FineTunedViT
from vega_policy.teachers.vggt.aggregator import Aggregator, PatchTower
from vega_policy.tests.synthetic import SMALL, small_recipe, write_checkpoint

TRAINED = (
    "oft",
    "vega",
    "vega_fit3d_base",
    "vega_vggt",
    "oft_sf",
    "rocket",
    "twin_close_laptop",
    "twin_oft",
    "twin_vega",
    "twin_sf",
    "twin_vega_lora",
)
"""Recipes that are trained; the others state sizes alone."""

OVERRIDES = (
    *SMALL,
    "model.patch_size=14",
    "alignment.fit3d.dim=null",
    "alignment.vggt.image_size=28",
    "alignment.spatial_forcing.layer=1",
    "alignment.rocket.pairs=[[1, 0], [2, -1]]",
)
"""Makes any recipe small."""


def write_small_models(folder: Path) -> Path:
    """Writes the folder; $VEGA_MODELS has to name it then."""
    shipped = models_dir()
    folder.mkdir(parents=True, exist_ok=True)
    for path in shipped.glob("*.yaml"):
        shutil.copy(path, folder)
    shutil.copytree(shipped / "tokenizers", folder / "tokenizers")
    for base in ("openvla-7b", "twin"):
        write_checkpoint(folder / base, small_recipe("model.full_layout=true"))
    teachers = folder / "teachers"
    for name in ("fit3d", "vggt_1b"):
        (teachers / name).mkdir(parents=True)
    torch.manual_seed(3)
    torch.save(_fit3d(16, registers=4), teachers / "fit3d" / "dinov2_reg_large_finetuned.pth")
    torch.save(_fit3d(17, registers=0), teachers / "fit3d" / "dinov2_base_finetuned.pth")
    tower = PatchTower(dim=16, depth=1, heads=2, mlp_dim=32, patch=14, positions=5, regs=4)
    vggt = Aggregator(tower, dim=16, depth=2, head_dim=8, mlp_dim=32, registers=4)
    state = {f"aggregator.{name}": value for name, value in _random(vggt).items()}
    torch.save(state, teachers / "vggt_1b" / "model.pt")
    return folder


def _fit3d(positions: int, registers: int) -> dict[str, torch.Tensor]:
    model = FineTunedViT(
        dim=16,
        depth=2,
        heads=2,
        mlp_dim=32,
        patch=14,
        positions=positions,
        registers=registers,
        layer_scale=True,
        norm_pre=False,
    )
    return _random(model)


def _random(model: nn.Module) -> dict[str, torch.Tensor]:
    return {
        name: value + 0.2 * torch.randn_like(value) for name, value in model.state_dict().items()
    }

"""The fused vision backbone: DINOv2 and SigLIP features of every view, side by side."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vega_policy.model.config import ModelConfig
from vega_policy.model.vit import DinoTower, Modulation, SiglipTower


class VisionModulation(NamedTuple):
    """FiLM of both towers, [B, dim] a block; it depends on the instruction alone."""

    dino: Modulation
    siglip: Modulation


class VisionFeatures(NamedTuple):
    """What the backbone computed.

    Attributes:
        fused: [B, views * patches, dino + siglip], DINOv2 first, view after view.
        dino: The DINOv2 part as the policy consumes it, [B, views * patches, dino].
    """

    fused: Tensor
    dino: Tensor


class VisionBackbone(nn.Module):
    """DINOv2 (``featurizer``) and SigLIP (``fused_featurizer``), all views in one pass a tower."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        film_dim = config.llm.dim if config.film else None
        size, patch, full = config.image_size, config.patch_size, config.full_layout
        self.featurizer = DinoTower(config.dino, size, patch, film_dim, full)
        self.fused_featurizer = SiglipTower(config.siglip, size, patch, film_dim, full)

    def modulation(self, language: Tensor) -> VisionModulation:
        """FiLM of both towers from the mean language embedding [B, llm dim]."""
        return VisionModulation(
            self.featurizer.modulation(language), self.fused_featurizer.modulation(language)
        )

    def forward(self, pixels: Tensor, modulation: VisionModulation | None) -> VisionFeatures:
        """Features of all views.

        Args:
            pixels: [B, 6 * views, H, W]; of each view 3 channels for DINOv2, then 3 for SigLIP.
            modulation: FiLM, or None for none.
        """
        views = _split_views(pixels)
        batch, count = views.shape[:2]
        flat = views.flatten(0, 1)
        dino_film = siglip_film = None
        if modulation is not None:
            dino_film = _repeat(modulation.dino, batch, count)
            siglip_film = _repeat(modulation.siglip, batch, count)
        dino = self.featurizer(flat[:, :3], dino_film)
        siglip = self.fused_featurizer(flat[:, 3:], siglip_film)
        fused = torch.cat([dino, siglip], dim=-1)
        return VisionFeatures(_join_views(fused, batch), _join_views(dino, batch))

    def plain_dino(self, pixels: Tensor) -> Tensor:
        """DINOv2 features without FiLM, [B, views * patches, dim]: VEGA's student (eq. 4)."""
        views = _split_views(pixels)
        return _join_views(self.featurizer(views.flatten(0, 1)[:, :3]), len(views))


def _split_views(pixels: Tensor) -> Tensor:
    return pixels.unflatten(1, (-1, 6))


def _join_views(tokens: Tensor, batch: int) -> Tensor:
    return tokens.reshape(batch, -1, tokens.shape[-1])


def _repeat(modulation: Modulation, batch: int, views: int) -> Modulation:
    """Gives every view of a sample the sample's FiLM; one row serves a whole batch as it is."""
    if batch == 1 or len(modulation[0][0]) == 1:
        return modulation
    return [
        (gamma.repeat_interleave(views, 0), beta.repeat_interleave(views, 0))
        for gamma, beta in modulation
    ]


class FusedProjector(nn.Module):
    """Maps fused vision features to the language model's width: three layers, 4x wide first."""

    def __init__(self, vision_dim: int, llm_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(vision_dim, 4 * vision_dim)
        self.fc2 = nn.Linear(4 * vision_dim, llm_dim)
        self.fc3 = nn.Linear(llm_dim, llm_dim)

    def forward(self, features: Tensor) -> Tensor:
        """[..., vision_dim] -> [..., llm_dim]."""
        return self.fc3(functional.gelu(self.fc2(functional.gelu(self.fc1(features)))))

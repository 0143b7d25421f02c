"""Draws the random image changes of a training step."""

import numpy as np
import torch
from torch import Tensor

from vega_policy.images import Crops, Jitter, centre_crops
from vega_policy.recipe import Recipe


def draw(recipe: Recipe, count: int, rng: np.random.Generator) -> tuple[Crops, Jitter | None]:
    """Crops and colour changes of ``count`` views; the centre crop if augmentation is off."""
    augmentation = recipe.data.augmentation
    if not augmentation.enabled:
        return centre_crops(count, recipe.image.crop_area), None

    def uniform(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, count).astype(np.float32))

    side = recipe.image.crop_area**0.5
    top = uniform(0, 1 - side)
    left = top if augmentation.diagonal_crops else uniform(0, 1 - side)
    jitter = Jitter(
        brightness=uniform(-augmentation.brightness, augmentation.brightness),
        contrast=uniform(1 - augmentation.contrast, 1 + augmentation.contrast),
        saturation=uniform(1 - augmentation.saturation, 1 + augmentation.saturation),
        hue=uniform(-augmentation.hue, augmentation.hue),
    )
    return Crops(top, left, side), jitter


def part_of(
    changes: tuple[Crops, Jitter | None], rows: slice, device: torch.device
) -> tuple[Crops, Jitter | None]:
    """The changes of some of the views, on a device."""
    crops, jitter = changes
    part = Crops(crops.top[rows].to(device), crops.left[rows].to(device), crops.side)
    if jitter is None:
        return part, None
    return part, Jitter(*(values[rows].to(device) for values in jitter))

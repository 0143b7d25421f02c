"""Colour jitter of training images and the normalisation of both towers."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

DINO_MEAN = (0.484375, 0.455078125, 0.40625)
"""ImageNet's mean as bfloat16 holds it: the numbers OpenVLA was trained and is shipped with."""
DINO_STD = (0.228515625, 0.2236328125, 0.224609375)
SIGLIP_MEAN = SIGLIP_STD = (0.5, 0.5, 0.5)


class Jitter(NamedTuple):
    """Colour changes of N images, each [N] float32.

    Attributes:
        brightness: Added.
        contrast: Factor about each channel's mean.
        saturation: Factor of the HSV saturation.
        hue: Added to the HSV hue, in turns.
    """

    brightness: Tensor
    contrast: Tensor
    saturation: Tensor
    hue: Tensor


def apply_jitter(planes: Tensor, jitter: Jitter) -> Tensor:
    """Brightness, contrast, then saturation and hue; clipped to [0, 1] after each.

    Args:
        planes: RGB [N, 3, S, S] in [0, 1].
        jitter: One change an image.

    Returns:
        [N, 3, S, S] in [0, 1].
    """

    def column(values: Tensor) -> Tensor:
        return values[:, None, None, None]

    planes = (planes + column(jitter.brightness)).clamp(0, 1)
    mean = planes.mean(dim=(2, 3), keepdim=True)
    planes = ((planes - mean) * column(jitter.contrast) + mean).clamp(0, 1)
    return _shift_hsv(planes, jitter.saturation[:, None, None], jitter.hue[:, None, None])


def _shift_hsv(planes: Tensor, saturation: Tensor, hue: Tensor) -> Tensor:
    """Scales saturation and turns hue of float RGB [N, 3, H, W]; both keep the value (maximum)."""
    value, low = planes.amax(dim=1), planes.amin(dim=1)
    chroma = value - low
    safe = chroma.clamp(min=1e-12)
    red, green, blue = planes.unbind(1)
    turn = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    turn = turn + 6 * hue
    chroma = torch.minimum(chroma * saturation, value)
    # Each channel falls off from the value with its distance to the hue (Smith's hexagon).
    offset = torch.tensor([5.0, 3.0, 1.0], device=planes.device)[None, :, None, None]
    k = (offset + turn[:, None]) % 6
    fall = torch.minimum(k, 4 - k).clamp(0, 1)
    return value[:, None] - chroma[:, None] * fall


def to_model_channels(planes: Tensor, views: int) -> Tensor:
    """Normalises for both towers: [B * views, 3, S, S] in [0, 1] -> [B, 6 * views, S, S]."""
    mean, std = _tower_statistics(planes.device)
    both = (torch.cat([planes, planes], dim=1) - mean) / std
    return both.reshape(-1, 6 * views, *planes.shape[2:])


@lru_cache(maxsize=8)
def _tower_statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation [1, 6, 1, 1] of a view's channels."""
    mean = torch.tensor(DINO_MEAN + SIGLIP_MEAN, device=device)[None, :, None, None]
    std = torch.tensor(DINO_STD + SIGLIP_STD, device=device)[None, :, None, None]
    return mean, std

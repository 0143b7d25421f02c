"""Crops brought back to full size, as ``tf.image.crop_and_resize`` does it."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor


class Crops(NamedTuple):
    """Boxes within images, in fractions of the side; each box is square.

    Attributes:
        top: [N] float32.
        left: [N] float32.
        side: Side of the boxes.
    """

    top: Tensor
    left: Tensor
    side: float


def centre_crops(count: int, area: float, device: torch.device | None = None) -> Crops:
    """The same centred box for each image.

    Args:
        count: Number of images.
        area: Share of the image's area inside the box.
        device: Where the boxes shall be.
    """
    side = area**0.5
    start = torch.full((count,), (1 - side) / 2, device=device)
    return Crops(start, start, side)


def crop_and_resize(images: Tensor, crops: Crops) -> Tensor:
    """Bilinear crop back to full size; the box's corners land on the corner pixels' centres.

    Args:
        images: float [N, 3, S, S].
        crops: One box an image.

    Returns:
        float [N, 3, S, S].
    """
    size = images.shape[-1]
    rows = _weights(crops.top, crops.side, size)
    columns = _weights(crops.left, crops.side, size)
    return rows[:, None] @ images @ columns[:, None].transpose(-1, -2)


def centre_crop(images: Tensor, area: float) -> Tensor:
    """:func:`crop_and_resize` of the centred box, float [N, 3, S, S]."""
    weights = _centre_weights(area, images.shape[-1], images.device)
    return weights @ images @ weights.transpose(-1, -2)


@lru_cache(maxsize=8)
def _centre_weights(area: float, size: int, device: torch.device) -> Tensor:
    crops = centre_crops(1, area, device)
    return _weights(crops.top, crops.side, size)


def _weights(start: Tensor, side: float, size: int) -> Tensor:
    """Bilinear weights [N, size, size] from source pixels to the pixels of each box."""
    steps = torch.arange(size, device=start.device, dtype=torch.float64) / (size - 1)
    at = (start.double()[:, None] + steps * side) * (size - 1)
    pixel = torch.arange(size, device=start.device, dtype=torch.float64)
    return (1 - (at[:, :, None] - pixel).abs()).clamp(min=0).float()

"""The two resizes: Pillow's bicubic in its own integers, TensorFlow's lanczos3 in floats."""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

LANCZOS_RADIUS = 3.0
BICUBIC_RADIUS = 2.0
_PILLOW_BITS = 22
"""Fraction bits of Pillow's weights for 8-bit images: 32 less 8 of the pixel and 2 to spare."""


def squash(frames: Tensor, size: int) -> Tensor:
    """Resizes frames to a square with Pillow's bicubic filter, the same bits on every device.

    Rows are shortened first, then columns, as OpenVLA-OFT's images were made. Pillow did so for
    every shape until version 13, which begins with the columns of tall images; two calls of one
    pass each leave it no choice.

    Args:
        frames: uint8 [N, H, W, 3].
        size: Side of the result.

    Returns:
        uint8 [N, size, size, 3]; the input itself if it has that size.
    """
    if frames.shape[1:3] == (size, size):
        return frames
    if frames.device.type != "cpu":
        return bicubic_resize(frames, size, size)
    # On a CPU Pillow's loops over a few bytes are many times faster than matrix products.
    resized = np.empty((len(frames), size, size, 3), np.uint8)
    for target, frame in zip(resized, frames.numpy()):
        narrow = Image.fromarray(frame).resize((size, len(frame)), Image.Resampling.BICUBIC)
        target[:] = np.asarray(narrow.resize((size, size), Image.Resampling.BICUBIC))
    return torch.from_numpy(resized)


def bicubic_resize(images: Tensor, height: int, width: int) -> Tensor:
    """Pillow's bicubic resize as matrix products, equal to Pillow to the bit; rows first.

    Pillow weighs pixels with integers and goes back to 8 bits between rows and columns. Float64
    holds all the sums exactly, in whatever order a device adds them.

    Args:
        images: uint8 [N, H, W, C].
        height: Rows of the result.
        width: Columns of the result.

    Returns:
        uint8 [N, height, width, C].
    """
    rows = _bicubic_weights(images.shape[1], height, images.device)
    columns = _bicubic_weights(images.shape[2], width, images.device)
    planes = images.permute(0, 3, 1, 2).double()
    planes = _rounded_to_8_bits(rows @ _rounded_to_8_bits(planes @ columns.T))
    return planes.to(torch.uint8).permute(0, 2, 3, 1)


def _rounded_to_8_bits(sums: Tensor) -> Tensor:
    half, one = 2.0 ** (_PILLOW_BITS - 1), 2.0**_PILLOW_BITS
    return ((sums + half) / one).floor().clamp(0, 255)


@lru_cache(maxsize=32)
def _bicubic_weights(source: int, target: int, device: torch.device) -> Tensor:
    """Integer weights [target, source] as float64, made step by step as Pillow makes them."""
    scale = source / target
    stretch = max(scale, 1.0)
    centre = (np.arange(target) + 0.5) * scale
    # The filter's support is cut to whole pixels before its weights are normalised.
    first = np.maximum((centre - BICUBIC_RADIUS * stretch + 0.5).astype(int), 0)
    last = np.minimum((centre + BICUBIC_RADIUS * stretch + 0.5).astype(int), source)
    pixel = np.arange(source)
    weights = _bicubic((pixel[None] - centre[:, None] + 0.5) * (1.0 / stretch))
    weights[(pixel < first[:, None]) | (pixel >= last[:, None])] = 0.0
    # A running sum adds from left to right as Pillow does; sum() does not, and rounds otherwise.
    weights /= np.add.accumulate(weights, axis=1)[:, -1:]
    fixed = np.trunc(weights * 2.0**_PILLOW_BITS + np.where(weights < 0, -0.5, 0.5))
    return torch.from_numpy(fixed).to(device)


def _bicubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic with a = -0.5."""
    a, x = -0.5, np.abs(distance)
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def lanczos_resize(images: Tensor, size: int) -> Tensor:
    """Antialiased lanczos3 resize, rounded and clipped, as ``tf.image.resize`` does.

    Args:
        images: uint8 [N, H, W, 3].
        size: Side of the square result.

    Returns:
        uint8 [N, size, size, 3]; the input itself if it has that size.
    """
    height, width = images.shape[1:3]
    if (height, width) == (size, size):
        return images
    rows = _lanczos_weights(height, size, images.device)
    columns = _lanczos_weights(width, size, images.device)
    planes = images.permute(0, 3, 1, 2).float()
    resized = rows @ planes @ columns.T
    return resized.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


@lru_cache(maxsize=32)
def _lanczos_weights(source: int, target: int, device: torch.device) -> Tensor:
    """Rows of antialiased lanczos3 weights [target, source], each summing to 1."""
    scale = source / target
    stretch = max(scale, 1.0)
    centre = (np.arange(target) + 0.5) * scale
    distance = np.abs((np.arange(source) + 0.5)[None] - centre[:, None]) / stretch
    kernel = np.sinc(distance) * np.sinc(distance / LANCZOS_RADIUS)
    kernel = np.where(distance <= LANCZOS_RADIUS, kernel, 0.0)
    weights = torch.from_numpy(kernel / kernel.sum(axis=1, keepdims=True))
    return weights.float().to(device)

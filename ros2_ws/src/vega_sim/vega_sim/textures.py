"""Small images [H,W,3] uint8 for table tops and the like, drawn from a seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Texture = NDArray[np.uint8]


def wood(rgb: Sequence[int], seed: int, size: int = 256) -> Texture:
    """Planks of wood of about the colour `rgb`, grain along the columns."""
    rng = np.random.default_rng(seed)
    across = np.arange(size)
    grain = sum(
        a * np.sin(2 * np.pi * across * f / size + rng.uniform(0, 6.28))
        for a, f in ((0.020, 9), (0.015, 23), (0.012, 41), (0.010, 67))
    )
    waves = 0.01 * np.sin(2 * np.pi * (across[:, None] * 2 / size + 4 * np.asarray(grain)))
    planks = np.repeat(rng.uniform(-0.06, 0.06, 4), size // 4)
    seams = np.where(across % (size // 4) < 2, -0.16, 0.0)
    shade = 1.0 + waves + (np.asarray(grain) + planks + seams)[None, :]
    return _bytes(shade[:, :, None] * np.asarray(rgb, dtype=float))


def check(first: Sequence[int], second: Sequence[int], cells: int = 12, size: int = 192) -> Texture:
    """A chequered cloth of two colours."""
    index = np.arange(size) * cells // size
    odd = (index[:, None] + index[None, :]) % 2
    return _bytes(np.where(odd[:, :, None], first, second))


def speckle(rgb: Sequence[int], spread: float, seed: int, size: int = 128) -> Texture:
    """Stone: the colour `rgb` with soft speckles of `spread` grey levels."""
    rng = np.random.default_rng(seed)
    fine = rng.normal(0, spread, (size, size))
    coarse = np.kron(rng.normal(0, spread, (size // 8, size // 8)), np.ones((8, 8)))
    return _bytes(np.asarray(rgb, dtype=float) + (0.4 * fine + 0.5 * coarse)[:, :, None])


def _bytes(values: NDArray[np.float64]) -> Texture:
    return np.clip(values, 0, 255).astype(np.uint8)

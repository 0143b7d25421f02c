"""Statistics of features, as LeRobot v3.0 stores them for each episode and for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teleop.export.demonstration import Image
from teleop.export.images import rgb

Statistics = dict[str, Any]
"""min, max, mean, std, count, q01, q10, q50, q90, q99, each as a list."""

_QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
IMAGES_PER_EPISODE = 16
_STRIDE = 4
_LEVELS = 256


def of_values(values: NDArray[Any]) -> Statistics:
    """Statistics over T steps of values [T] or [T, D]; exact, quantiles too."""
    rows = values.reshape(len(values), -1).astype(np.float64)
    found = {
        "min": rows.min(axis=0),
        "max": rows.max(axis=0),
        "mean": rows.mean(axis=0),
        "std": rows.std(axis=0),
    }
    found |= dict(zip(_QUANTILES, np.quantile(rows, list(_QUANTILES.values()), axis=0)))
    return {name: value.tolist() for name, value in found.items()} | {"count": [len(rows)]}


def chosen_images(steps: int) -> frozenset[int]:
    """Steps whose images are counted: enough for colour statistics, evenly spread."""
    count = min(steps, IMAGES_PER_EPISODE)
    return frozenset(np.linspace(0, steps - 1, count).round().astype(int).tolist())


class ColourCounts:
    """How often each level of each colour occurs in images, every fourth pixel each way."""

    def __init__(self) -> None:
        self.images = 0
        self.levels = np.zeros((3, _LEVELS), np.int64)

    def add(self, image: Image) -> None:
        """Counts an image."""
        pixels = rgb(image)[::_STRIDE, ::_STRIDE].reshape(-1, 3)
        for channel in range(3):
            self.levels[channel] += np.bincount(pixels[:, channel], minlength=_LEVELS)
        self.images += 1

    def statistics(self) -> Statistics:
        """Statistics of colours in 0..1, each value [3, 1, 1]."""
        values = np.arange(_LEVELS) / (_LEVELS - 1)
        total = self.levels.sum(axis=1)
        mean = self.levels @ values / total
        variance = self.levels @ values**2 / total - mean**2
        up_to = np.cumsum(self.levels, axis=1)
        found = {
            "min": [float(values[row.nonzero()[0][0]]) for row in self.levels],
            "max": [float(values[row.nonzero()[0][-1]]) for row in self.levels],
            "mean": mean.tolist(),
            "std": np.sqrt(np.maximum(variance, 0.0)).tolist(),
        }
        for name, share in _QUANTILES.items():
            found[name] = [
                float(values[np.searchsorted(row, share * n)]) for row, n in zip(up_to, total)
            ]
        shaped = {name: [[[value]] for value in row] for name, row in found.items()}
        return shaped | {"count": [self.images]}


def merged(parts: Iterable[ColourCounts]) -> ColourCounts:
    """The counts of several episodes."""
    whole = ColourCounts()
    for part in parts:
        whole.images += part.images
        whole.levels += part.levels
    return whole


def flat(statistics: dict[str, Statistics]) -> dict[str, Sequence[Any]]:
    """Columns of the table of episodes: ``stats/<feature>/<name>``."""
    return {
        f"stats/{feature}/{name}": value
        for feature, values in statistics.items()
        for name, value in values.items()
    }

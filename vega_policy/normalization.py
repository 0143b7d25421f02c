"""Normalisation of actions and robot states as OpenVLA-OFT defines it.

With ``low`` and ``high`` the minimum and maximum (BOUNDS) or the 1st and 99th percentile
(BOUNDS_Q99) of a dimension, y = 2 (x - low) / (high - low + 1e-8) - 1.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, model_validator

Scheme = Literal["bounds", "bounds_q99"]
EPSILON = 1e-8


class Statistics(BaseModel):
    """Statistics of one vector over a dataset, in the units of the vector.

    ``mask`` is False at dimensions that are passed through untouched; without it, none are.
    ``mean`` and ``std`` describe the data and serve no computation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    min: tuple[float, ...]
    max: tuple[float, ...]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    q01: tuple[float, ...]
    q99: tuple[float, ...]
    mask: tuple[bool, ...] | None = None

    @model_validator(mode="after")
    def _same_length(self) -> "Statistics":
        lengths = {name: len(value) for name, value in self if value is not None}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"statistics differ in length: {lengths}")
        return self

    @model_validator(mode="after")
    def _of_numbers(self) -> "Statistics":
        for name in ("min", "max", "mean", "std", "q01", "q99"):
            values = getattr(self, name)
            wrong = [n for n, value in enumerate(values or ()) if not math.isfinite(value)]
            if wrong:
                raise ValueError(f"{name} of dimension {wrong[0]} is {values[wrong[0]]}")
        for below, above in (("min", "max"), ("q01", "q99")):
            pairs = zip(getattr(self, below), getattr(self, above))
            for number, (low, high) in enumerate(pairs):
                if low > high:
                    raise ValueError(
                        f"{below} of dimension {number} is {low:g}, above its {above} {high:g}"
                    )
        return self

    def constant(self, scheme: Scheme) -> list[int]:
        """Dimensions that never change in the data, or that the scheme cannot move."""
        low, high = (self.min, self.max) if scheme == "bounds" else (self.q01, self.q99)
        still = self.std or (1.0,) * self.dim
        return [n for n in range(self.dim) if low[n] == high[n] or still[n] == 0.0]

    @property
    def dim(self) -> int:
        """Values of the vector."""
        return len(self.min)


class Normalizer:
    """Maps one vector to [-1, 1] and back.

    Args:
        statistics: Of the dataset.
        scheme: Which statistics bound the range.
    """

    def __init__(self, statistics: Statistics, scheme: Scheme) -> None:
        low, high = {
            "bounds": (statistics.min, statistics.max),
            "bounds_q99": (statistics.q01, statistics.q99),
        }[scheme]
        self._low = np.asarray(low, dtype=np.float64)
        self._high = np.asarray(high, dtype=np.float64)
        self._span = self._high - self._low + EPSILON
        self._constant = np.asarray(statistics.min) == np.asarray(statistics.max)
        mask = statistics.mask if statistics.mask is not None else (True,) * statistics.dim
        self._mask = np.asarray(mask, dtype=bool)

    def normalize_training(self, values: ArrayLike) -> NDArray[np.float32]:
        """Training rule: masked dimensions are clipped to [-1, 1]; constant ones become 0.

        Args:
            values: [..., D] in physical units.
        """
        x = np.asarray(values, dtype=np.float64)
        y = np.where(self._mask, np.clip(self._scaled(x), -1.0, 1.0), x)
        return np.where(self._constant, 0.0, y).astype(np.float32)

    def normalize_observation(self, values: ArrayLike) -> NDArray[np.float32]:
        """Inference rule: every dimension is clipped; constant ones become 0, as in training.

        The reference feeds a constant dimension as -1 here, or as 1 with the least play, which the
        policy has never seen.

        Args:
            values: [..., D] in physical units.
        """
        x = np.asarray(values, dtype=np.float64)
        y = np.where(self._mask, self._scaled(x), x)
        return np.where(self._constant, 0.0, np.clip(y, -1.0, 1.0)).astype(np.float32)

    def unnormalize(self, values: ArrayLike) -> NDArray[np.float32]:
        """Normalised actions [..., D] in physical units; not clipped."""
        y = np.asarray(values, dtype=np.float64)
        return np.where(self._mask, 0.5 * (y + 1.0) * self._span + self._low, y).astype(np.float32)

    def _scaled(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return 2.0 * (x - self._low) / self._span - 1.0


def statistics_of(values: NDArray[np.floating], minimum_span: ArrayLike = 0.0) -> Statistics:
    """Statistics over all rows.

    Args:
        values: [N, D].
        minimum_span: Per dimension, the least distance between the bounds. Narrower bounds are
            widened about their middle, so that the tremor of a resting joint is not blown up to
            the whole of [-1, 1]. 0 leaves the statistics as they are.
    """
    x = np.asarray(values, dtype=np.float64)
    span = np.broadcast_to(np.asarray(minimum_span, dtype=np.float64), x.shape[1:])
    low, high = _widened(x.min(axis=0), x.max(axis=0), span)
    q01, q99 = np.quantile(x, 0.01, axis=0), np.quantile(x, 0.99, axis=0)
    # A gripper that rests 99 % of the time has equal percentiles, and could never move.
    rests = q01 == q99
    q01, q99 = np.where(rests, x.min(axis=0), q01), np.where(rests, x.max(axis=0), q99)
    q01, q99 = _widened(q01, q99, span)
    return Statistics(
        min=low.tolist(),
        max=high.tolist(),
        mean=x.mean(axis=0).tolist(),
        std=x.std(axis=0).tolist(),
        q01=q01.tolist(),
        q99=q99.tolist(),
        mask=(True,) * x.shape[1],
    )


def _widened(
    low: NDArray[np.float64], high: NDArray[np.float64], span: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    middle, half = (low + high) / 2, np.maximum(high - low, span) / 2
    return middle - half, middle + half

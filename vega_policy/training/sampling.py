"""Which samples each step of a run takes: known from the step alone, so a run can go on exactly."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def sample_numbers(samples: int, batch: int, seed: int, step: int) -> NDArray[np.int64]:
    """Samples of a step: shuffled epochs, one after the other.

    Args:
        samples: Size of the dataset.
        batch: Samples a step, over all processes.
        seed: Of the run.
        step: Counted from 0.

    Returns:
        [batch] numbers of samples.
    """
    positions = np.arange(step * batch, (step + 1) * batch)
    return np.array(
        [_epoch_order(samples, seed, int(p // samples))[p % samples] for p in positions]
    )


@lru_cache(maxsize=2)
def _epoch_order(samples: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, 1, epoch]).permutation(samples)

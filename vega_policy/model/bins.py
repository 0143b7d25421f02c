"""Actions as token ids, for discrete decoding.

[-1, 1] is cut at 256 equally spaced edges into 255 bins. An action's id counts down from the end
of the vocabulary by the number of edges at or below it: 31999 for -1 up to 31744 for 1 in a
vocabulary of 32000. An id stands for the centre of its bin; the uppermost id, which only 1 itself
gets, shares the last bin.
"""

import numpy as np
import torch
from torch import Tensor

from vega_policy.model.config import ACTION_BINS

_EDGES = torch.from_numpy(np.linspace(-1.0, 1.0, ACTION_BINS))
_CENTRES = (_EDGES[:-1] + _EDGES[1:]) / 2


def encode(actions: Tensor, base_vocab_size: int) -> Tensor:
    """Normalised actions -> token ids int64 of the same shape; values outside [-1, 1] are clipped.

    Args:
        actions: Any shape.
        base_vocab_size: Size of the vocabulary, its padding left out.
    """
    edges = _EDGES.to(actions.device)
    clipped = actions.to(edges.dtype).clamp(-1.0, 1.0)
    return base_vocab_size - torch.bucketize(clipped, edges, right=True)


def decode(ids: Tensor, base_vocab_size: int) -> Tensor:
    """Token ids -> normalised actions float32 of the same shape.

    Ids that stand for no action give the nearest bin that there is, as in the public code.

    Args:
        ids: Any shape.
        base_vocab_size: Size of the vocabulary, its padding left out.
    """
    index = (base_vocab_size - ids - 1).clamp(0, ACTION_BINS - 2)
    return _CENTRES.to(ids.device, torch.float32)[index]

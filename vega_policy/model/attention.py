"""Bidirectional attention, shared by the vision towers and the language model."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Kernel = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
on_meta: Kernel = functional.scaled_dot_product_attention
"""Stands for the attention of a device where nothing is computed, see `vega_policy.plan`."""


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Full attention of every query over every key that the mask shows.

    Args:
        q: Queries [B, heads, S, head_dim]; ``k`` and ``v`` alike.
        mask: Boolean, broadcastable to [B, heads, S, S], False at keys to ignore.

    Returns:
        [B, heads, S, head_dim].
    """
    if q.is_meta:
        return on_meta(q, k, v, mask)
    if q.device.type == "cpu" and q.dtype == torch.bfloat16:
        # PyTorch's fused CPU kernel runs bfloat16 2 to 6 times slower than two matrix products.
        return attend_by_products(q, k, v, mask)
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def attend_by_products(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """:func:`attend` as two matrix products, with all scores in memory."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1) @ v

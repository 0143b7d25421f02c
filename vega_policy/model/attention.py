"""Bidirectional attention, shared by the vision towers and the language model."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface

IMPLEMENTATION = "vega_bidirectional"
"""Name under which the language model asks transformers for :func:`attend`."""


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Full attention of every query over every key that the mask shows.

    Args:
        q: Queries [B, heads, S, head_dim]; ``k`` and ``v`` alike.
        mask: Boolean, broadcastable to [B, heads, S, S], False at keys to ignore.

    Returns:
        [B, heads, S, head_dim].
    """
    if q.device.type == "cpu" and q.dtype == torch.bfloat16:
        # PyTorch's fused CPU kernel runs bfloat16 2 to 6 times slower than two matrix products.
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        return scores.softmax(dim=-1) @ v
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def _llama_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **_: Any,
) -> tuple[Tensor, None]:
    """:func:`attend` in the form transformers calls; output [B, S, heads, head_dim]."""
    del module
    return attend(query, key, value, attention_mask).transpose(1, 2).contiguous(), None


AttentionInterface.register(IMPLEMENTATION, _llama_attention)

"""Which attention a device runs, for passes on the meta device.

There `scaled_dot_product_attention` falls apart into products that keep all scores, which no GPU
does; the kernels themselves know the shapes of what they return and keep.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor

from vega_policy.model import attention

Device = Literal["cuda", "cpu"]
_aten = torch.ops.aten


@contextmanager
def kernels_of(device: Device) -> Iterator[None]:
    """Passes on the meta device run, in this context, the attention that a device would choose."""
    before = attention.on_meta
    attention.on_meta = {"cuda": _cuda, "cpu": _cpu}[device]
    try:
        yield
    finally:
        attention.on_meta = before


def _cuda(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    out: Tensor
    if mask is None and q.dtype != torch.float32:
        out = _aten._scaled_dot_product_flash_attention(q, k, v)[0]
    else:
        keep = torch.is_grad_enabled()
        bias = _bias(q, k, mask)
        out = _aten._scaled_dot_product_efficient_attention(q, k, v, bias, keep)[0]
    return out


def _cpu(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    if q.dtype == torch.bfloat16:
        return attention.attend_by_products(q, k, v, mask)
    bias = _bias(q, k, mask)
    out: Tensor = _aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, attn_mask=bias)[0]
    return out


def _bias(q: Tensor, k: Tensor, mask: Tensor | None) -> Tensor | None:
    """What a boolean mask becomes before the kernel."""
    if mask is None:
        return None
    return torch.where(mask, q.new_zeros(()), q.new_ones(())).expand(*q.shape[:3], k.shape[2])

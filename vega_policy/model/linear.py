"""Float32 matrix products on x86 CPUs, at inference, by oneDNN.

PyTorch gives them to MKL, which keeps off the AVX-512 units of other makers' processors: on an AMD
EPYC oneDNN is 2.2 times as fast. Everything else (training, small products, other dtypes and
devices, compiled graphs, which choose for themselves) is left to PyTorch.
"""

import platform

import torch
from torch import Tensor, nn
from torch.nn import functional

_AVAILABLE = (
    platform.machine().lower() in ("x86_64", "amd64")
    and torch.backends.mkldnn.is_available()
    and hasattr(torch.ops.mkldnn, "_linear_pointwise")
)
LEAST_PRODUCTS = 2**21
"""Multiplications below which setting up oneDNN costs more than it saves."""


class Linear(nn.Linear):
    """``nn.Linear`` that computes large float32 products on the CPU by oneDNN."""

    def forward(self, input: Tensor) -> Tensor:
        """[..., in_features] -> [..., out_features]."""
        if not _AVAILABLE or torch.compiler.is_compiling() or not self._suits(input):
            return functional.linear(input, self.weight, self.bias)
        return torch.ops.mkldnn._linear_pointwise(input, self.weight, self.bias, "none", [], "")

    def _suits(self, input: Tensor) -> bool:
        return (
            input.device.type == "cpu"
            and input.dtype == self.weight.dtype == torch.float32
            and not torch.is_grad_enabled()
            and input.numel() * self.out_features >= LEAST_PRODUCTS
        )


def accelerate(module: nn.Module) -> None:
    """Makes every ``nn.Linear`` of a network a :class:`Linear`; weights and names stay."""
    for part in module.modules():
        if type(part) is nn.Linear:
            part.__class__ = Linear

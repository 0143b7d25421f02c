"""GPUs that a run can be planned for."""

from typing import NamedTuple

from vega_policy.errors import RecipeError

GIB = 2**30


class Gpu(NamedTuple):
    """A GPU, as its maker states it.

    Attributes:
        memory: Bytes that PyTorch finds on it, less than on the box.
        bf16: Dense bfloat16 products with float32 sums, operations a second.
        fp32: Float32 operations a second, without TF32 as PyTorch computes by default.
        bandwidth: Of its memory, bytes a second.
        link: To another GPU of the machine, bytes a second and direction: NVLink, or 16 lanes of
            PCIe where there is none.
    """

    memory: float
    bf16: float
    fp32: float
    bandwidth: float
    link: float


def _gpu(memory_gib: float, bf16: float, fp32: float, bandwidth: float, link: float) -> Gpu:
    """In GiB, 1e12 operations a second and 1e9 bytes a second."""
    return Gpu(memory_gib * GIB, bf16 * 1e12, fp32 * 1e12, bandwidth * 1e9, link * 1e9)


GPUS = {
    "a100-40": _gpu(39.4, 312, 19.5, 1555, 300),
    "a100-80": _gpu(79.2, 312, 19.5, 2039, 300),
    "h100-80": _gpu(79.1, 989, 67, 3350, 450),
    "h200-141": _gpu(139.8, 989, 67, 4800, 450),
    "b200-180": _gpu(178.3, 2250, 75, 7700, 900),
    "l4-24": _gpu(22.0, 121, 30, 300, 32),
    "l40s-48": _gpu(44.4, 362, 91, 864, 32),
    "a6000-48": _gpu(47.4, 155, 38, 768, 32),
    "rtx6000ada-48": _gpu(47.4, 364, 91, 960, 32),
    "rtx3090-24": _gpu(23.6, 71, 35, 936, 32),
    "rtx4090-24": _gpu(23.6, 165, 82, 1008, 32),
    "rtx5090-32": _gpu(31.3, 210, 105, 1792, 64),
}


def find(name: str) -> Gpu:
    """A GPU by its name.

    Raises:
        RecipeError: It is not known; all names are listed.
    """
    if name not in GPUS:
        raise RecipeError(f"no GPU '{name}'; there are: {', '.join(GPUS)}")
    return GPUS[name]

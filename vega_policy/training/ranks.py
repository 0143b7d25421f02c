"""The processes of one training run, started by torchrun or alone."""

import os
from collections.abc import Iterable, Iterator
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from vega_policy.errors import RecipeError

PATIENCE = timedelta(hours=2)
"""How long processes wait for one another: the first one may have frames to resize."""
BUCKET = 64 * 1024 * 1024
"""Values averaged at once, so that the copy that travels stays small beside the weights."""


class Ranks:
    """This process among its peers. A run of one process needs no launcher.

    Attributes:
        size: Number of processes.
        rank: This one's number.
        device: Where this process computes: its own GPU, or the CPU where there is none.
    """

    def __init__(self) -> None:
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        self.device = _own_device()
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        if self.size > 1 and not dist.is_initialized():
            backend = "nccl" if self.device.type == "cuda" else "gloo"
            dist.init_process_group(backend, timeout=PATIENCE)

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and lines of progress."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """This process's part of ``count`` samples; all parts are equal."""
        part = count // self.size
        return slice(self.rank * part, (self.rank + 1) * part)

    def barrier(self) -> None:
        """Waits for all processes."""
        if self.size > 1:
            dist.barrier()

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replaces tensors by their means over all processes."""
        if self.size == 1:
            return
        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.detach().float().flatten() for tensor in bucket])
            dist.all_reduce(flat)
            flat /= self.size
            parts = flat.split([tensor.numel() for tensor in bucket])
            for tensor, part in zip(bucket, parts):
                tensor.copy_(part.view_as(tensor))

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        if self.size == 1:
            return flag
        value = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(value)
        return bool(value > 0)

    def close(self) -> None:
        """Leaves the group."""
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()


def _own_device() -> torch.device:
    """This process's GPU of its machine, or the CPU.

    Raises:
        RecipeError: More processes than GPUs.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if gpus == 0:
        return torch.device("cpu")
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if local >= gpus:
        raise RecipeError(
            f"process {local + 1} on a machine of {gpus} GPUs: start as many processes as GPUs "
            f"(torchrun --nproc-per-node {gpus}), or hide the GPUs with CUDA_VISIBLE_DEVICES="
        )
    return torch.device("cuda", local)


def _buckets(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """The tensors in their order, in groups of at most :data:`BUCKET` values."""
    bucket: list[Tensor] = []
    values = 0
    for tensor in tensors:
        if bucket and values + tensor.numel() > BUCKET:
            yield bucket
            bucket, values = [], 0
        bucket.append(tensor)
        values += tensor.numel()
    if bucket:
        yield bucket

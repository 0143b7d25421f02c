"""The processes of one training run, started by torchrun or alone."""

import os
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor


class Ranks:
    """This process among its peers. A run of one process needs no launcher."""

    def __init__(self) -> None:
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        if self.size > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")

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
        listed = list(tensors)
        flat = torch.cat([tensor.detach().float().flatten() for tensor in listed])
        dist.all_reduce(flat)
        flat /= self.size
        parts = flat.split([tensor.numel() for tensor in listed])
        for tensor, part in zip(listed, parts):
            tensor.copy_(part.view_as(tensor))

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        if self.size == 1:
            return flag
        value = torch.tensor(float(flag))
        dist.all_reduce(value)
        return bool(value > 0)

    def close(self) -> None:
        """Leaves the group."""
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()

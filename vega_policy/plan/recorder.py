"""What a program holds in memory at each moment, in bytes of tensors, and what it computes.

PyTorch has `torch.distributed._tools.mem_tracker.MemTracker`, private so far. It agrees with this
module to the byte where it runs, but it hooks every parameter and so refuses frozen ones (LoRA),
knows neither master nor averaged weights nor teachers, and takes several times as long. Of
`FlopCounterMode` only the table is taken: its hooks keep what checkpointing computes anew alive.
"""

import weakref
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry


class StorageRecorder(TorchDispatchMode):
    """Follows the storage of every tensor that is made in its context, on the meta device too.

    Attributes:
        flops: Multiplications and additions of matrix products, convolutions and attention.
        operations: Calls of kernels.

    Args:
        unnamed: The part that storages belong to until they are named.
    """

    def __init__(self, unnamed: str) -> None:
        super().__init__()
        self.flops = self.operations = 0
        self._unnamed = unnamed
        self._numbers: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._parts: list[str] = []
        self._sizes: list[int] = []
        self._log: list[tuple[int, int]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        self.operations += 1
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.flops += count(*args, **(kwargs or {}), out_val=out)
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self._number(leaf)
        return out

    def name(self, part: str, tensors: Iterable[Tensor | None]) -> None:
        """Tells what tensors are; those made before the recording count from now on."""
        for tensor in tensors:
            if tensor is not None:
                self._parts[self._number(tensor)] = part

    def name_rest(self, part: str) -> None:
        """Tells what everything is that is held now and unnamed."""
        for _, number in self._numbers.values():
            if self._parts[number] == self._unnamed:
                self._parts[number] = part

    def held(self) -> Counter[str]:
        """Bytes that are held now, by part."""
        total: Counter[str] = Counter()
        for _, number in self._numbers.values():
            total[self._parts[number]] += self._sizes[number]
        return total

    def peak(self, divided: Mapping[str, int] | None = None) -> Counter[str]:
        """Bytes at the moment of the recording at which they were most, by part.

        Args:
            divided: Parts of which only one share of so many counts.
        """
        shares = divided or {}
        weights = [
            size / shares.get(part, 1) for size, part in zip(self._sizes, self._parts, strict=True)
        ]
        now = most = 0.0
        end = 0
        for moment, (number, sign) in enumerate(self._log):
            now += sign * weights[number]
            if now > most:
                most, end = now, moment + 1
        parts: Counter[str] = Counter()
        for number, sign in self._log[:end]:
            parts[self._parts[number]] += sign * self._sizes[number]
        return Counter({part: -(-size // shares.get(part, 1)) for part, size in (+parts).items()})

    def _number(self, tensor: Tensor) -> int:
        storage = tensor.untyped_storage()
        key = id(storage)
        known = self._numbers.get(key)
        if known is not None and known[0]() is storage:
            return known[1]
        number = len(self._sizes)
        self._sizes.append(storage.nbytes())
        self._parts.append(self._unnamed)
        self._log.append((number, 1))

        def freed(_: Any) -> None:
            self._log.append((number, -1))
            if self._numbers.get(key, (None, -1))[1] == number:
                del self._numbers[key]

        self._numbers[key] = (weakref.ref(storage, freed), number)
        return number

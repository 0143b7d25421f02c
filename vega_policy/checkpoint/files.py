"""Weights in files, read one tensor at a time.

A folder's weights are a ``dict[str, Weight]``: names and shapes at once, contents when asked for.
So a checkpoint of any size is checked before it is read, and never held twice.
"""

import json
import pickle
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from vega_policy.errors import CheckpointError

MODEL_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}
"""safetensors' names of the dtypes that weights may have."""
PICKLED = (".pt", ".pth", ".bin")
_REMAP_AFTER_BYTES = 256 * 2**20


class Weight(NamedTuple):
    """One tensor, not read yet.

    Attributes:
        shape: Of the tensor.
        dtype: Of the tensor.
        read: Reads it. The result may lie in a mapped file: copy what shall stay, change nothing.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    read: Callable[[], Tensor]

    @property
    def nbytes(self) -> int:
        """Size of the contents."""
        return torch.Size(self.shape).numel() * self.dtype.itemsize


def held(tensor: Tensor) -> Weight:
    """A tensor that is in memory already."""
    return Weight(tuple(tensor.shape), tensor.dtype, tensor.detach)


def read_weights(path: Path) -> dict[str, Weight]:
    """Names, shapes and dtypes of a file's tensors; their contents on demand.

    Args:
        path: ``.safetensors``, or a pickled state dict (``.pt``, ``.bin``), from which nothing but
            tensors is ever loaded.

    Raises:
        CheckpointError: The file is missing, truncated, corrupt or holds anything else.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} is missing")
    return _pickled(path) if path.suffix in PICKLED else _safetensors(path)


def _safetensors(path: Path) -> dict[str, Weight]:
    weights = {}
    try:
        with safe_open(path, "pt") as file:
            for key in list(file.keys()):
                entry = file.get_slice(key)
                name = entry.get_dtype()
                if name not in DTYPES:
                    raise CheckpointError(
                        f"{path}: {key} has dtype {name}; weights are one of {', '.join(DTYPES)}"
                    )
                shape = tuple(entry.get_shape())
                weights[key] = Weight(shape, DTYPES[name], partial(_read_one, path, key))
    except (SafetensorError, OSError) as error:
        raise _corrupt(path, error) from None
    return weights


def _read_one(path: Path, key: str) -> Tensor:
    """One tensor; the file is mapped only for as long as the tensor lives."""
    try:
        with safe_open(path, "pt") as file:
            return file.get_tensor(key)
    except (SafetensorError, OSError) as error:
        raise _corrupt(path, error) from None


def _corrupt(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{path} is truncated or corrupt ({str(error).splitlines()[0]}): copy it again"
    )


class _PickledFile:
    """A pickled state dict, mapped. Now and then mapped anew, as read pages count as memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state: dict[str, Tensor] | None = None
        self._read_bytes = 0

    def state(self) -> dict[str, Tensor]:
        if self._state is None:
            self._state = _load_pickled(self._path)
            self._read_bytes = 0
        return self._state

    def read(self, key: str) -> Tensor:
        if self._read_bytes > _REMAP_AFTER_BYTES:
            self._state = None
        tensor = self.state()[key]
        self._read_bytes += tensor.nbytes
        return tensor.detach()


def _pickled(path: Path) -> dict[str, Weight]:
    file = _PickledFile(path)
    weights = {}
    for key, tensor in file.state().items():
        if tensor.dtype not in DTYPES.values():
            raise CheckpointError(f"{path}: {key} has dtype {tensor.dtype}, which no weight has")
        weights[key] = Weight(tuple(tensor.shape), tensor.dtype, partial(file.read, key))
    return weights


def _load_pickled(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path} holds more than tensors (code, or other objects), which is never loaded. "
            "Expected a state dict: names and tensors alone. If you trust its source, load it "
            "elsewhere and save its state_dict() as safetensors"
        ) from None
    except RuntimeError as error:
        if "mmap can only be used" in str(error):
            raise CheckpointError(
                f"{path} is truncated, or in PyTorch's format from before 1.6: expected a zip of "
                "tensors. Copy it again, or save it anew with torch.save"
            ) from None
        raise _corrupt(path, error) from None
    except Exception as error:  # torch.load raises whatever the damage leads to
        raise _corrupt(path, error) from None
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise CheckpointError(f"{path} is no state dict: expected names and tensors alone")
    return state


def has_shards(directory: Path) -> bool:
    """Whether a folder holds the weights of vision backbone, projector and language model."""
    return (directory / MODEL_FILE).exists() or (directory / INDEX_FILE).exists()


def read_shards(directory: Path) -> dict[str, Weight]:
    """Weights of ``model.safetensors``, or of the shards that an index names.

    Raises:
        CheckpointError: Neither or both are there, a shard is missing or corrupt, or the index
            does not say what the shards hold.
    """
    single, index = directory / MODEL_FILE, directory / INDEX_FILE
    if single.exists() and index.exists():
        raise CheckpointError(f"{directory} has both {MODEL_FILE} and {INDEX_FILE}: remove one")
    if not index.exists():
        return read_weights(single)
    of_file = _read_index(index)
    weights: dict[str, Weight] = {}
    for name in sorted(set(of_file.values())):
        if not (directory / name).is_file():
            raise CheckpointError(
                f"{directory / name} is missing, though {INDEX_FILE} names it: copy it again"
            )
        found = read_weights(directory / name)
        listed = {key for key, file in of_file.items() if file == name}
        wrong = sorted(listed ^ set(found))
        if wrong:
            where = "the index alone" if wrong[0] in listed else "the shard alone"
            raise CheckpointError(
                f"{directory / name} does not hold what {INDEX_FILE} says: {wrong[0]} is in "
                f"{where}" + (f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else "")
            )
        weights |= found
    return weights


def _read_index(path: Path) -> dict[str, str]:
    data = read_json(path)
    of_file = data.get("weight_map")
    if not isinstance(of_file, dict) or not all(
        isinstance(name, str) and re.fullmatch(r"[\w.-]+\.safetensors", name)
        for name in of_file.values()
    ):
        raise CheckpointError(
            f"{path} is no index of shards: expected a weight_map of names of .safetensors files"
        )
    return of_file


def read_json(path: Path) -> dict[str, object]:
    """A JSON object.

    Raises:
        CheckpointError: The file is missing or holds something else.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path.parent} has no {path.name}") from None
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{path} is no readable JSON ({error}): copy it again") from None
    if not isinstance(data, dict):
        raise CheckpointError(f"{path}: expected a JSON object, got {type(data).__name__}")
    return data


def one_of(directory: Path, pattern: str) -> Path | None:
    """The file of a folder whose whole name matches; None if there is none.

    Raises:
        CheckpointError: Several match.
    """
    found = sorted(p.name for p in directory.iterdir() if re.fullmatch(pattern, p.name))
    if len(found) > 1:
        raise CheckpointError(
            f"{directory} has {' and '.join(found)}: expected one. Remove the one that is not meant"
        )
    return directory / found[0] if found else None

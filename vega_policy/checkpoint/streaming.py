"""Writes weights as safetensors one tensor at a time.

The library's own writer wants all tensors of a file in memory at once. The format is simple enough
to be written as a stream: the header's length (8 bytes, little-endian), a JSON header with each
tensor's dtype, shape and place, then the contents without gaps.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import torch

from vega_policy.checkpoint.files import DTYPES, INDEX_FILE, MODEL_FILE, Weight
from vega_policy.errors import CheckpointError

MAX_SHARD_BYTES = 5 * 10**9
_READABLE = 0o644
_ALIGNMENT = 8
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def write_tensors(path: Path, state: Mapping[str, Weight]) -> None:
    """Writes a .safetensors file; no more than one tensor is in memory at a time.

    Args:
        path: The file, replaced if it exists.
        state: Each weight keeps its dtype.

    Raises:
        CheckpointError: The disk is full, or the folder cannot be written to.
    """
    # Wide dtypes first, so that every tensor is aligned; then by name: files are repeatable.
    order = sorted(state, key=lambda key: (-state[key].dtype.itemsize, key))
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for key in order:
        weight = state[key]
        end = offset + weight.nbytes
        header[key] = {
            "dtype": _NAMES[weight.dtype],
            "shape": list(weight.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    try:
        with path.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for key in order:
                _write(file, state[key])
        path.chmod(_READABLE)
    except OSError as error:
        raise CheckpointError(f"cannot write {path}: {error.strerror or error}") from None


def _write(file: BinaryIO, weight: Weight) -> None:
    tensor = weight.read().detach().cpu().contiguous()
    file.write(tensor.reshape(-1).view(torch.uint8).numpy().data)


def write_shards(
    directory: Path,
    state: Mapping[str, Weight],
    max_shard_bytes: int,
    report: Callable[[str], None],
) -> None:
    """Writes ``model.safetensors``, or shards and their index if it would be too large.

    Args:
        directory: Where to.
        state: The model's weights under their public names.
        max_shard_bytes: Contents of one file; a single tensor may exceed it.
        report: Gets a line for each file.
    """
    groups: list[dict[str, Weight]] = [{}]
    filled = 0
    for key, weight in state.items():
        if groups[-1] and filled + weight.nbytes > max_shard_bytes:
            groups.append({})
            filled = 0
        groups[-1][key] = weight
        filled += weight.nbytes
    count = len(groups)
    of_key: dict[str, str] = {}
    for number, group in enumerate(groups, 1):
        name = MODEL_FILE if count == 1 else f"model-{number:05d}-of-{count:05d}.safetensors"
        write_tensors(directory / name, group)
        size = sum(weight.nbytes for weight in group.values())
        report(f"wrote {name}: {len(group)} tensors, {size / 1e9:.2f} GB")
        of_key |= dict.fromkeys(group, name)
    if count > 1:
        total = sum(weight.nbytes for weight in state.values())
        index = {"metadata": {"total_size": total}, "weight_map": of_key}
        text = json.dumps(index, indent=2) + "\n"
        (directory / INDEX_FILE).write_text(text, encoding="utf-8")

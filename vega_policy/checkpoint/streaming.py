"""Writes weights as safetensors, with no more than one file's contents in memory."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from vega_policy.checkpoint.files import INDEX_FILE, MODEL_FILE, Weight
from vega_policy.errors import CheckpointError

MAX_SHARD_BYTES = 2 * 10**9
"""Also what a large model's export needs of memory."""
_READABLE = 0o644
_PIECE = 2**24
"""So many values are looked at at once, so that a check needs little memory."""


def write_tensors(path: Path, state: Mapping[str, Weight]) -> None:
    """Writes a .safetensors file.

    Args:
        path: The file, replaced if it exists.
        state: Each weight keeps its dtype.

    Raises:
        CheckpointError: The disk is full, or the folder cannot be written to.
    """
    try:
        tensors = {key: _own(weight) for key, weight in state.items()}
        save_file(tensors, path, metadata={"format": "pt"})
        path.chmod(_READABLE)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"cannot write {path}: {reason}") from None


def _own(weight: Weight) -> Tensor:
    """The weight by itself: the library refuses tensors that share their memory."""
    tensor = weight.read().detach().cpu().contiguous()
    alone = tensor.untyped_storage().nbytes() == tensor.nbytes
    return tensor if alone else tensor.clone()


def finite(key: str, weight: Weight) -> Weight:
    """A weight whose reading raises CheckpointError where it holds no numbers."""

    def read() -> Tensor:
        tensor = weight.read()
        if not all(bool(torch.isfinite(part).all()) for part in tensor.flatten().split(_PIECE)):
            raise CheckpointError(
                f"{key} holds NaN or infinity: a policy of it moves nothing; take an earlier "
                "checkpoint, or the best one"
            )
        return tensor

    return weight._replace(read=read)


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

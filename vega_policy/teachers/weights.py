"""Reading the published weight files of teachers, strictly.

read_state(path: Path, source: str) -> dict[str, Tensor]
check_layout(model: nn.Module, state: Mapping[str, Tensor], path: Path) -> None
load_strictly(model: nn.Module, state: Mapping[str, Tensor], path: Path, dtype) -> None
"""

import argparse
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from vega_policy.errors import CheckpointError, RecipeError, listed

_WRAPPERS = ("model", "state_dict")
"""Keys under which training checkpoints keep the weights beside the optimizer's state."""

_PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.")
"""What wrappers put in front of every name."""

_NAMED_AT_ONCE = 8

_Module = TypeVar("_Module", bound=nn.Module)


def read_state(path: Path, source: str) -> dict[str, Tensor]:
    """Weights of a file by name, without what training or wrappers put around them.

    Their contents lie in the mapped file and are read when they are used.

    Args:
        path: ``.safetensors``, or anything that ``torch.save`` wrote; the latter is read with
            ``weights_only``, so it can run no code.
        source: How to get the file, for the error if it is missing.

    Raises:
        RecipeError: There is no such file.
        CheckpointError: It is truncated, corrupt or holds no weights.
    """
    if not path.is_file():
        raise RecipeError(f"the teacher's weights {path} are missing. {source}")
    found = _read(path)
    for wrapper in _WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(wrapper), Mapping):
            found = found[wrapper]
    if not isinstance(found, Mapping) or not found:
        raise CheckpointError(f"{path} holds no weights but a {type(found).__name__}")
    wrong = [str(key) for key, value in found.items() if not isinstance(value, Tensor)]
    if wrong:
        raise CheckpointError(
            f"{path} holds no flat table of weights: {listed(wrong, _NAMED_AT_ONCE)}"
        )
    return _without_prefixes(dict(found))


def _read(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        # A training checkpoint keeps its command line beside the weights.
        with torch.serialization.safe_globals([argparse.Namespace]):
            zipped = zipfile.is_zipfile(path)  # files from before PyTorch 1.6 cannot be mapped
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is corrupt, or holds more than weights and is not read for safety ({error})"
        ) from None
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} is truncated or corrupt ({error})") from None


def _without_prefixes(state: dict[str, Tensor]) -> dict[str, Tensor]:
    while prefix := next((p for p in _PREFIXES if all(key.startswith(p) for key in state)), None):
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def check_layout(model: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Compares the names and shapes of weights with a model's.

    Raises:
        CheckpointError: A weight is missing, superfluous or of another shape; they are named.
    """
    wanted = model.state_dict()
    problems = [f"missing {key}" for key in wanted if key not in state]
    problems += [f"unexpected {key}" for key in state if key not in wanted]
    problems += [
        f"{key} has shape {tuple(state[key].shape)}, expected {tuple(wanted[key].shape)}"
        for key in wanted
        if key in state and wanted[key].shape != state[key].shape
    ]
    if problems:
        raise CheckpointError(
            f"{path} is not of the published layout: {listed(problems, _NAMED_AT_ONCE)}"
        )


def load_strictly(
    model: _Module, state: Mapping[str, Tensor], path: Path, dtype: torch.dtype
) -> _Module:
    """Puts weights into a model of the meta device, frozen and in evaluation mode.

    Args:
        model: Made of the sizes that the file's shapes say.
        state: All of its weights and nothing else; copied.
        path: The file, for errors.
        dtype: Of the model from then on.

    Raises:
        CheckpointError: A weight is missing, superfluous or of another shape; they are named.
    """
    check_layout(model, state, path)
    copied = {key: value.to(dtype, copy=True) for key, value in state.items()}
    model.load_state_dict(copied, assign=True)
    return model.eval().requires_grad_(False)


def shape_of(state: Mapping[str, Tensor], key: str, dimensions: int, path: Path) -> tuple[int, ...]:
    """Shape of a weight that sizes are read from.

    Raises:
        CheckpointError: It is missing or has another number of dimensions.
    """
    value = state.get(key)
    if value is None:
        raise CheckpointError(f"{path} is not of the published layout: missing {key}")
    if value.ndim != dimensions:
        raise CheckpointError(
            f"{path} is not of the published layout: {key} has shape {tuple(value.shape)}, "
            f"expected {dimensions} dimensions"
        )
    return tuple(value.shape)


def block_count(state: Mapping[str, Tensor], prefix: str) -> int:
    """Number of blocks whose names begin with ``prefix`` and an index."""
    pattern = re.compile(re.escape(prefix) + r"(\d+)\.")
    matches = (pattern.match(key) for key in state)
    return max((int(match[1]) + 1 for match in matches if match), default=0)

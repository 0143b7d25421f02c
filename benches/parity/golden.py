"""Reads golden data, with errors that name the file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vega_policy.errors import PolicyError


class GoldenDataError(PolicyError):
    """Golden data is missing, corrupt, or not of the form that is understood."""


def tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file.

    Raises:
        GoldenDataError: It is missing or corrupt.
    """
    try:
        return load_file(path)
    except FileNotFoundError:
        raise GoldenDataError(f"{path} is missing") from None
    except (SafetensorError, OSError) as error:
        raise GoldenDataError(f"{path} is truncated or corrupt ({error})") from None


def arrays(path: Path) -> dict[str, NDArray]:
    """Arrays of a ``.npz`` file.

    Raises:
        GoldenDataError: It is missing or corrupt.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except FileNotFoundError:
        raise GoldenDataError(f"{path} is missing") from None
    except Exception as error:  # zipfile, zlib and numpy each raise their own
        raise GoldenDataError(f"{path} is truncated, corrupt or no .npz file ({error})") from None


def mapping(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        GoldenDataError: It is missing or holds something else.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise GoldenDataError(f"{path} is missing") from None
    except (OSError, ValueError) as error:
        raise GoldenDataError(f"{path} is malformed: {error}") from None
    if not isinstance(data, dict):
        raise GoldenDataError(f"{path}: expected an object, got {type(data).__name__}")
    return data


def needed(data: dict[str, Any], key: str, path: Path) -> Any:
    """An entry that has to be there.

    Raises:
        GoldenDataError: It is not.
    """
    if key not in data:
        raise GoldenDataError(f"{path} has no '{key}', only {', '.join(sorted(data)) or 'nothing'}")
    return data[key]

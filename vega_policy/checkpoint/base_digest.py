"""Whether a base is still the one that low-rank changes (LoRA) were trained on.

A digest of a base covers the names, shapes and dtypes of all of its weights and a few samples of
the contents of each. It hangs on the weights alone, not on the files that they lie in, and takes
seconds for a 7B. It tells apart any two networks that were trained, merged, quantised or cast
otherwise, as that changes numbers everywhere. It does not see single numbers that somebody edited
between the samples.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch

from vega_policy.checkpoint.files import Weight
from vega_policy.errors import CheckpointError

_SAMPLES, _VALUES = 4, 64
"""Samples of a weight, the first and the last of its values among them, and values of each."""


@torch.no_grad()
def digest_of(state: Mapping[str, Weight]) -> str:
    """Of weights under the model's names."""
    found = hashlib.sha256()
    for name in sorted(state):
        weight = state[name]
        found.update(f"{name} {weight.dtype} {list(weight.shape)}\n".encode())
        values = weight.read().reshape(-1)
        last = max(len(values) - _VALUES, 0)
        for start in sorted({last * number // (_SAMPLES - 1) for number in range(_SAMPLES)}):
            found.update(values[start : start + _VALUES].view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:32]


def check_base(
    directory: Path, wanted: str | None, base: Path, state: Mapping[str, Weight]
) -> None:
    """Compares a base with the one that an adapter was trained on.

    Args:
        directory: Folder of the adapter, for the error.
        wanted: Digest that it was trained on; None where nobody wrote it down.
        base: Folder of the base, for the error.
        state: The base's weights.

    Raises:
        CheckpointError: It is another.
    """
    if wanted is None:
        return
    found = digest_of(state)
    if found != wanted:
        raise CheckpointError(
            f"{directory} was trained on a base of digest {wanted}, {base} has {found}: it was "
            "replaced, or is another. Put the base back that it was trained on, or name the folder "
            f"that has it: python -m vega_policy.export {directory} OUT --base BASE"
        )

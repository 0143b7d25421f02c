"""Compares the weights of a checkpoint with those that a network of its sizes has."""

from collections.abc import Mapping
from pathlib import Path

from vega_policy.checkpoint import names
from vega_policy.checkpoint.files import Weight
from vega_policy.errors import CheckpointError
from vega_policy.model.config import ModelConfig
from vega_policy.model.policy import VegaPolicy

_NAMED_AT_ONCE = 8


def _shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    state = VegaPolicy.empty(config).state_dict()
    return {key: tuple(value.shape) for key, value in state.items()}


def check_weights(
    source: Path, config: ModelConfig, state: Mapping[str, Weight], model_only: bool = False
) -> None:
    """Compares the names and shapes of weights with a network's.

    A part of a checkpoint has either all of its weights that are never computed, as in the public
    layout, or none of them; a network with ``full_layout`` needs them all.

    Args:
        source: For messages.
        config: Sizes of the network.
        state: What was found.
        model_only: Whether to expect what openvla-7b has: no FiLM, no heads.

    Raises:
        CheckpointError: Any is missing, superfluous or of another shape; they are named.
    """
    shapes = _shapes(config.model_copy(update={"full_layout": True}))
    if model_only:
        shapes = {k: shape for k, shape in shapes.items() if names.part_of(k) == names.MODEL}
    if not config.full_layout:
        uncomputed: dict[str, set[str]] = {}
        for key in shapes.keys() - _shapes(config).keys():
            uncomputed.setdefault(names.part_of(key), set()).add(key)
        for keys in uncomputed.values():
            if keys.isdisjoint(state):
                shapes = {key: shape for key, shape in shapes.items() if key not in keys}
    check_shapes(source, shapes, {key: weight.shape for key, weight in state.items()})


def as_stored(config: ModelConfig, state: Mapping[str, Weight]) -> ModelConfig:
    """The sizes, ``full_layout`` saying whether the weights that are never computed are there."""
    full = _shapes(config.model_copy(update={"full_layout": True}))
    return config.model_copy(update={"full_layout": full.keys() <= state.keys()})


def check_shapes(
    source: Path, wanted: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]
) -> None:
    """Compares names and shapes.

    Raises:
        CheckpointError: Any is missing, superfluous or of another shape; they are named.
    """
    problems = [f"missing {key}" for key in wanted if key not in found]
    problems += [f"unexpected {key}" for key in found if key not in wanted]
    problems += [
        f"{key} has shape {found[key]}, expected {wanted[key]}"
        for key in wanted
        if key in found and wanted[key] != found[key]
    ]
    if problems:
        more = len(problems) - _NAMED_AT_ONCE
        listed = "\n  ".join(problems[:_NAMED_AT_ONCE])
        tail = f"\n  and {more} more" if more > 0 else ""
        raise CheckpointError(f"{source} does not fit its own description:\n  {listed}{tail}")

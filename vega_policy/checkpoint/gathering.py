"""Finds the weights of a checkpoint folder: the public layout in all its forms, and our own."""

from collections.abc import Mapping
from pathlib import Path

import torch

from vega_policy import contract as contracts
from vega_policy.checkpoint import lora, names
from vega_policy.checkpoint.base_digest import check_base
from vega_policy.checkpoint.files import (
    INDEX_FILE,
    MODEL_FILE,
    Weight,
    has_shards,
    held,
    read_shards,
    read_weights,
)
from vega_policy.errors import CheckpointError
from vega_policy.recipe import models_dir
from vega_policy.vega_contract import VegaContract


def gather(
    directory: Path, base: Path | None = None, fold_adapter: bool = False
) -> dict[str, Weight]:
    """All weights of a folder under the model's names, LoRA folded; nothing is read yet.

    A folder with a policy.yaml says there whether ``lora_adapter/`` is still to be folded. In a
    public one it is only if the model itself is not there, as the public tools merge otherwise.
    OpenVLA-OFT's ``vision_backbone--N`` file always replaces the vision backbone.

    Args:
        directory: The folder.
        base: Where the model is if not in the folder; None for what policy.yaml says.
        fold_adapter: A public folder's adapter is not part of the weights beside it.

    Raises:
        CheckpointError: Something is missing or corrupt, or weights are what `fold_adapter` says
            that they are not.
    """
    if not directory.is_dir():
        raise CheckpointError(f"{directory} is no folder: expected the folder of a checkpoint")
    adapter = directory / lora.FOLDER
    own = (directory / contracts.FILE_NAME).exists()
    if own:
        contract = VegaContract.load(directory)
        separate = contract.adapter == "separate"
        if base is None and contract.base_checkpoint is not None:
            base = base_folder(contract.base_checkpoint)
    else:
        separate = adapter.is_dir() and (fold_adapter or not has_shards(directory))
        if fold_adapter and not adapter.is_dir():
            raise CheckpointError(f"{directory} has no {lora.FOLDER}/ that could be folded")
    if has_shards(directory):
        state = _renamed(directory, names.MODEL, read_shards(directory))
    elif separate:
        state = _base_state(directory, base)
        if own and base is not None:
            check_base(directory, contract.base_digest, base, state)
    else:
        raise CheckpointError(
            f"{directory} has neither {MODEL_FILE} nor {INDEX_FILE} nor {lora.FOLDER}/: expected "
            "the folder of an OpenVLA or OpenVLA-OFT checkpoint"
        )
    if base is not None and has_both(directory):
        _check_merged(state, adapter, base, fold_adapter)
    vision = names.find_part(directory, names.VISION)
    replaced = vision is not None and _add_vision(state, vision, adapter)
    if separate:
        _add_adapter(state, adapter, vision is not None, replaced)
    for part in names.HEADS:
        path = names.find_part(directory, part)
        if path is not None:
            state |= _renamed(path, part, read_weights(path))
    return state


def has_both(directory: Path) -> bool:
    """Whether a public folder has an adapter beside a whole model, so that both may be meant."""
    own = (directory / contracts.FILE_NAME).exists()
    return not own and (directory / lora.FOLDER).is_dir() and has_shards(directory)


def _check_merged(state: Mapping[str, Weight], adapter: Path, base: Path, fold: bool) -> None:
    """Compares adapted weights with the base's own.

    Raises:
        CheckpointError: They are the base's and are to be taken as they are, or are not and are to
            be folded.
    """
    original = _base_state(adapter.parent, base)
    adapted = [f"{module}.weight" for module in lora.Adapter.read(adapter).weights]
    common = [name for name in adapted if name in state and name in original]
    merged = any(not torch.equal(state[n].read(), original[n].read()) for n in common)
    if common and not merged and not fold:
        raise CheckpointError(
            f"{adapter.parent}: the model's weights are those of {base}, so {adapter.name}/ is not "
            "merged into them: give --fold-adapter"
        )
    if merged and fold:
        raise CheckpointError(
            f"{adapter.parent}: the model's weights are not those of {base}, so {adapter.name}/ is "
            "merged into them already: leave out --fold-adapter"
        )


def _base_state(directory: Path, base: Path | None) -> dict[str, Weight]:
    if base is None:
        raise CheckpointError(
            f"{directory} holds a LoRA adapter without the model it belongs to: name its folder "
            "with --base. The public base comes with: hf download openvla/openvla-7b --local-dir "
            f"{models_dir() / 'openvla-7b'}"
        )
    require_base(base)
    return {k: weight for k, weight in gather(base).items() if names.part_of(k) == names.MODEL}


def base_folder(name: str) -> Path:
    """Folder of a base checkpoint: relative to models/, or absolute."""
    return models_dir() / name


def require_base(directory: Path) -> None:
    """Checks that a base checkpoint is there.

    Raises:
        CheckpointError: It is not; the message says how to get it.
    """
    if not directory.is_dir() or not has_shards(directory):
        what = f"no {MODEL_FILE} and no {INDEX_FILE}" if directory.is_dir() else "no such folder"
        raise CheckpointError(
            f"the base checkpoint {directory} is not there ({what}). Get OpenVLA's with: "
            f"hf download openvla/openvla-7b --local-dir {directory}"
        )


def _renamed(source: Path, part: str, weights: Mapping[str, Weight]) -> dict[str, Weight]:
    """Weights of a public file under the model's names."""
    original: dict[str, str] = {}
    for key in weights:
        name = names.from_public(part, key)
        if name in original:
            raise CheckpointError(f"{source} has both {original[name]} and {key}: expected one")
        original[name] = key
    return {name: weights[key] for name, key in original.items()}


def _add_vision(state: dict[str, Weight], path: Path, adapter: Path) -> bool:
    """Adds FiLM, or replaces the whole vision backbone; returns whether it did the latter."""
    found = _renamed(path, names.VISION, read_weights(path))
    if all(names.is_film(key) for key in found):
        state |= found
        return False
    pairs: dict[str, dict[str, Weight]] = {}
    for key in list(found):
        factor = names.lora_factor(key)
        if factor is not None:
            pairs.setdefault(factor[0], {})[factor[1]] = found.pop(key)
    if pairs:
        if not (adapter / lora.CONFIG_FILE).exists():
            raise CheckpointError(
                f"{path} holds LoRA that is not merged, and its scale is missing: expected "
                f"{adapter / lora.CONFIG_FILE}. Copy {lora.FOLDER}/ from where it was trained"
            )
        scaling = lora.read_scaling(adapter)
        complete = lora.complete_pairs(path, pairs, scaling.rank)
        lora.fold_into(found, complete, scaling.factor, path)
    for key in [key for key in state if key.startswith(f"{names.VISION}.")]:
        del state[key]
    state |= found
    return True


def _add_adapter(
    state: dict[str, Weight], folder: Path, has_vision: bool, vision_replaced: bool
) -> None:
    adapter = lora.Adapter.read(folder)
    if adapter.film_wrapped and not has_vision:
        raise CheckpointError(
            f"{folder} was trained with FiLM, but {folder.parent} has no "
            "vision_backbone--N_checkpoint file: without it the vision backbone would be the "
            "base's. Copy it from where it was trained"
        )
    pairs = {
        module: (held(a), held(b))
        for module, (a, b) in adapter.weights.items()
        if not (vision_replaced and module.startswith(f"{names.VISION}."))
    }
    lora.fold_into(state, pairs, adapter.scale, folder)

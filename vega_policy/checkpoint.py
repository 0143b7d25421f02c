"""Checkpoint directories: weights as safetensors, policy.yaml, sizes, statistics, tokenizer.

policy.yaml                     what the policy was trained for
config.json                     sizes of the network
model.safetensors               vision towers, projector and language model, OpenVLA's names
film.safetensors                FiLM weights
action_head.safetensors         OpenVLA-OFT's names, without "module."
proprio_projector.safetensors   the same
align_projector.safetensors     training only; nothing at inference reads it
dataset_statistics.json         as OpenVLA-OFT writes it
tokenizer.json
"""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from vega_policy.contract import PolicyContract
from vega_policy.errors import CheckpointError
from vega_policy.model.config import ModelConfig
from vega_policy.model.llm import assert_bidirectional
from vega_policy.model.policy import VegaPolicy
from vega_policy.tokenizer import InstructionTokenizer

CONFIG_FILE = "config.json"
STATISTICS_FILE = "dataset_statistics.json"
ALIGN_FILE = "align_projector.safetensors"
SIDE_MODULES = ("action_head", "proprio_projector")
_FILM_KEY = re.compile(r"^vision_backbone\..*\.blocks\.\d+\.(scale|shift)\.(weight|bias)$")
_NAMED_AT_ONCE = 8
_READABLE = 0o644


class LoadedPolicy(NamedTuple):
    """A policy ready to run and what it says of itself."""

    policy: VegaPolicy
    contract: PolicyContract
    tokenizer: InstructionTokenizer


def split_state(policy: VegaPolicy) -> dict[str, dict[str, Tensor]]:
    """The policy's weights by file, under the names that the files use."""
    parts: dict[str, dict[str, Tensor]] = {"model": {}}
    for key, value in policy.state_dict().items():
        module, _, rest = key.partition(".")
        if module in SIDE_MODULES:
            parts.setdefault(module, {})[rest] = value
        elif _FILM_KEY.match(key):
            parts.setdefault("film", {})[key] = value
        else:
            parts["model"][key] = value
    return parts


def save(
    directory: Path,
    policy: VegaPolicy,
    contract: PolicyContract,
    tokenizer_file: Path,
    align_projector: nn.Module | None = None,
) -> None:
    """Writes a checkpoint; a directory of that name is replaced once the new one is complete.

    Args:
        directory: Where to.
        policy: Each weight is stored in the dtype it has.
        contract: Goes into policy.yaml.
        tokenizer_file: Copied.
        align_projector: Kept for further training.
    """
    partial = directory.with_name(directory.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, state in split_state(policy).items():
        _write_weights(partial / f"{name}.safetensors", state)
    if align_projector is not None:
        _write_weights(partial / ALIGN_FILE, align_projector.state_dict())
    (partial / CONFIG_FILE).write_text(policy.config.model_dump_json(indent=2) + "\n")
    normalization = contract.normalization
    key = "+".join(contract.tasks)
    statistics = {
        key: {
            "action": normalization.action.model_dump(exclude_none=True),
            "proprio": normalization.proprio.model_dump(exclude_none=True),
        }
    }
    (partial / STATISTICS_FILE).write_text(json.dumps(statistics, indent=2) + "\n")
    shutil.copyfile(tokenizer_file, partial / contract.tokenizer)
    contract.save(partial)
    if directory.exists():
        shutil.rmtree(directory)
    partial.rename(directory)


def _write_weights(path: Path, state: Mapping[str, Tensor]) -> None:
    save_file({key: value.detach().cpu().contiguous() for key, value in state.items()}, path)
    path.chmod(_READABLE)  # safetensors leaves the file to its owner alone


def load(directory: Path, device: str = "cpu") -> LoadedPolicy:
    """Reads a checkpoint and probes that its language model is bidirectional.

    Args:
        directory: Written by :func:`save`.
        device: Where the weights shall be.

    Raises:
        CheckpointError: Something is missing, corrupt, superfluous or of the wrong shape.
    """
    contract = PolicyContract.load(directory)
    config = _load_config(directory)
    _check_agreement(directory, config, contract)
    parts = {name: _read_weights(directory / f"{name}.safetensors") for name in _parts(config)}
    state = dict(parts["model"]) | parts.get("film", {})
    for name in SIDE_MODULES:
        state |= {f"{name}.{key}": value for key, value in parts[name].items()}
    policy = VegaPolicy(config)
    check_state(directory, policy.state_dict(), state)
    policy.to_compute_dtype(state["projector.fc1.weight"].dtype)
    policy.load_state_dict(state)
    policy.eval().requires_grad_(False).to(device)
    assert_bidirectional(policy.language_model)
    tokenizer = InstructionTokenizer(directory / contract.tokenizer, contract.instruction_template)
    if tokenizer.vocab_size > config.llm.vocab_size:
        raise CheckpointError(
            f"{directory}: the tokenizer has {tokenizer.vocab_size} tokens, the model "
            f"{config.llm.vocab_size}"
        )
    return LoadedPolicy(policy, contract, tokenizer)


def _parts(config: ModelConfig) -> tuple[str, ...]:
    return ("model", *SIDE_MODULES, *(("film",) if config.film else ()))


def _load_config(directory: Path) -> ModelConfig:
    path = directory / CONFIG_FILE
    try:
        return ModelConfig.model_validate_json(path.read_text())
    except FileNotFoundError:
        raise CheckpointError(f"{directory} has no {CONFIG_FILE}") from None
    except (ValidationError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} is malformed: {error}") from None


def _check_agreement(directory: Path, config: ModelConfig, contract: PolicyContract) -> None:
    pairs = {
        "action_dim": (config.action_dim, contract.action_dim),
        "proprio_dim": (config.proprio_dim, contract.proprio_dim),
        "chunk": (config.chunk, contract.chunk),
        "action_tokens": (config.action_tokens, contract.action_tokens),
        "image size": (config.image_size, contract.image.size),
        "number of cameras": (config.views, len(contract.cameras)),
    }
    wrong = [
        f"{name}: {CONFIG_FILE} has {ours}, policy.yaml has {theirs}"
        for name, (ours, theirs) in pairs.items()
        if ours != theirs
    ]
    if wrong:
        raise CheckpointError(f"{directory} contradicts itself: " + "; ".join(wrong))


def _read_weights(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing") from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is truncated or corrupt ({error})") from None


def check_state(source: Path, wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Compares the names and shapes of weights.

    Raises:
        CheckpointError: Any is missing, superfluous or of another shape; they are named.
    """
    problems = [f"missing {key}" for key in wanted if key not in found]
    problems += [f"unexpected {key}" for key in found if key not in wanted]
    problems += [
        f"{key} has shape {tuple(found[key].shape)}, expected {tuple(wanted[key].shape)}"
        for key in wanted
        if key in found and wanted[key].shape != found[key].shape
    ]
    if problems:
        more = len(problems) - _NAMED_AT_ONCE
        listed = "\n  ".join(problems[:_NAMED_AT_ONCE])
        tail = f"\n  and {more} more" if more > 0 else ""
        raise CheckpointError(f"{source} does not fit its own description:\n  {listed}{tail}")


def parameter_count(module: nn.Module) -> int:
    """Number of weights."""
    return sum(parameter.numel() for parameter in module.parameters())


def compute_dtype(name: str) -> torch.dtype:
    """The dtype that a recipe's ``precision`` means."""
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]

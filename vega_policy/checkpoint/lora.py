"""LoRA adapters in peft's format, and folding them into the weights they adapt."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vega_policy.checkpoint import names
from vega_policy.checkpoint.files import Weight, held, one_of, read_json, read_weights
from vega_policy.checkpoint.streaming import write_tensors
from vega_policy.errors import CheckpointError

FOLDER = "lora_adapter"
CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
_UNSUPPORTED = {
    "use_rslora": "rank-stabilised scaling",
    "use_dora": "DoRA",
    "rank_pattern": "ranks that differ by module",
    "alpha_pattern": "scales that differ by module",
    "modules_to_save": "modules trained as a whole",
    "fan_in_fan_out": "transposed weights",
    "lora_bias": "biases of LoRA",
    "layer_replication": "replicated layers",
    "target_parameters": "LoRA of bare parameters",
    "trainable_token_indices": "trained rows of an embedding",
    "loftq_config": "LoftQ's quantised base",
    "alora_invocation_tokens": "LoRA from some tokens on",
}
_KNOWN_STARTS = (True, False, "gaussian")
"""Initialisations of LoRA that leave the base as it was."""


class Scaling(NamedTuple):
    """What adapter_config.json says of every module."""

    rank: int
    alpha: float

    @property
    def factor(self) -> float:
        """Factor of B A."""
        return self.alpha / self.rank


def fold(weight: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
    """Adds a low-rank update to a weight, computed in float32.

    Args:
        weight: Of a linear layer [out, in], or of a convolution [out, in, h, w].
        a: [r, in] or [r, in, h, w].
        b: [out, r] or [out, r, 1, 1].
        scale: alpha / r.

    Returns:
        W + scale B A in the dtype of ``weight``.
    """
    wide = weight.float().flatten(1)
    folded = torch.addmm(wide, b.float().flatten(1), a.float().flatten(1), alpha=scale)
    return folded.reshape(weight.shape).to(weight.dtype)


def read_scaling(folder: Path) -> Scaling:
    """Rank and alpha of an adapter.

    Raises:
        CheckpointError: adapter_config.json is missing, malformed, or asks for something else than
            plain LoRA.
    """
    path = folder / CONFIG_FILE
    config = read_json(path)
    kind = config.get("peft_type")
    if kind != "LORA":
        raise CheckpointError(f"{path}: peft_type is {kind}, expected LORA")
    for field, meaning in _UNSUPPORTED.items():
        if config.get(field):
            raise CheckpointError(f"{path}: {field} ({meaning}) is not supported, only plain LoRA")
    unknown = [name for name in config if name.startswith("use_") and config[name]]
    if unknown:
        raise CheckpointError(f"{path}: {', '.join(unknown)} is not supported, only plain LoRA")
    start = config.get("init_lora_weights", True)
    if not any(start is known or start == known for known in _KNOWN_STARTS):
        raise CheckpointError(
            f"{path}: init_lora_weights is {start}, which changed the base's weights as well, so "
            "that the adapter does not fit the base as it was: merge it where it was trained "
            "(peft's merge_and_unload, then save the whole model), or save it as plain LoRA "
            "(save_pretrained with path_initial_model_for_weight_conversion)"
        )
    if config.get("bias", "none") != "none":
        raise CheckpointError(f"{path}: bias is {config['bias']}, expected none")
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if not isinstance(rank, int) or rank < 1 or not isinstance(alpha, int | float):
        raise CheckpointError(f"{path}: expected numbers r and lora_alpha, got {rank} and {alpha}")
    return Scaling(rank, alpha)


@dataclass(frozen=True)
class Adapter:
    """Low-rank updates of a model's weights.

    Attributes:
        rank: Of every update.
        alpha: The update is alpha / rank times B A.
        weights: By the model's own module path (``vision_backbone.featurizer.blocks.0.attn.qkv``):
            A [rank, in] and B [out, rank], or A [rank, in, h, w] and B [out, rank, 1, 1].
        film_wrapped: Whether it was saved with FiLM's wrapper around the vision blocks. The public
            tools then keep the trained vision backbone in a file of its own.
    """

    rank: int
    alpha: float
    weights: Mapping[str, tuple[Tensor, Tensor]]
    film_wrapped: bool = False

    @property
    def scale(self) -> float:
        """alpha / rank."""
        return self.alpha / self.rank

    def delta(self, module: str) -> Tensor:
        """What the adapter adds to a module's weight, float32 in the weight's shape."""
        a, b = self.weights[module]
        update = b.float().flatten(1) @ a.float().flatten(1)
        return self.scale * update.reshape(b.shape[0], *a.shape[1:])

    @classmethod
    def read(cls, folder: Path) -> "Adapter":
        """Reads an adapter that peft or :meth:`write` wrote.

        peft also saves the whole weight of an adapted ``lm_head``; that is the base's own and is
        left out.

        Raises:
            CheckpointError: A file is missing or corrupt, or it is no plain LoRA.
        """
        scaling = read_scaling(folder)
        path = one_of(folder, r"adapter_model\.(safetensors|bin)")
        if path is None:
            raise CheckpointError(f"{folder} has no {WEIGHTS_FILE}")
        pairs: dict[str, dict[str, Weight]] = {}
        film_wrapped = False
        for key, weight in read_weights(path).items():
            name, wrapped = names.from_adapter(key)
            film_wrapped |= wrapped
            factor = names.lora_factor(name)
            if factor is not None:
                pairs.setdefault(factor[0], {})[factor[1]] = weight
            elif name.replace(".base_layer.", ".") != "language_model.lm_head.weight":
                raise CheckpointError(f"{path}: {key} is no weight of a plain LoRA")
        complete = complete_pairs(path, pairs, scaling.rank)
        weights = {
            module: (a.read().clone(), b.read().clone()) for module, (a, b) in complete.items()
        }
        return cls(scaling.rank, scaling.alpha, weights, film_wrapped)

    def write(self, folder: Path) -> None:
        """Writes the adapter so that peft reads it, too."""
        folder.mkdir(parents=True, exist_ok=True)
        config: dict[str, Any] = {
            "peft_type": "LORA",
            "r": self.rank,
            "lora_alpha": self.alpha,
            "lora_dropout": 0.0,
            "target_modules": sorted(self.weights),
            "bias": "none",
            "init_lora_weights": True,
            "fan_in_fan_out": False,
            "use_rslora": False,
            "use_dora": False,
            "modules_to_save": None,
            "inference_mode": True,
            "task_type": None,
            "base_model_name_or_path": None,
        }
        (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        state = {
            names.to_adapter(module, factor): held(tensor)
            for module, pair in self.weights.items()
            for factor, tensor in zip("AB", pair)
        }
        write_tensors(folder / WEIGHTS_FILE, state)


def complete_pairs(
    path: Path, pairs: Mapping[str, Mapping[str, Weight]], rank: int
) -> dict[str, tuple[Weight, Weight]]:
    """Both factors of each module, checked to be of one rank.

    Raises:
        CheckpointError: A factor is missing or of another rank.
    """
    complete = {}
    for module, factors in pairs.items():
        for factor in "AB":
            if factor not in factors:
                raise CheckpointError(f"{path}: missing {module}.lora_{factor}")
        a, b = factors["A"], factors["B"]
        if len(a.shape) < 2 or len(b.shape) < 2 or (a.shape[0], b.shape[1]) != (rank, rank):
            raise CheckpointError(
                f"{path}: {module} has lora_A {a.shape} and lora_B {b.shape}, expected rank {rank} "
                f"as {CONFIG_FILE} says"
            )
        complete[module] = (a, b)
    return complete


def fold_into(
    state: dict[str, Weight], pairs: Mapping[str, tuple[Weight, Weight]], scale: float, path: Path
) -> None:
    """Replaces the adapted weights of a state by folded ones; they are computed when read.

    Raises:
        CheckpointError: An adapted weight does not exist, or has another shape.
    """
    for module, (a, b) in pairs.items():
        name = f"{module}.weight"
        if name not in state:
            raise CheckpointError(f"{path} adapts {module}, which the model does not have")
        weight = state[name]
        adapted = (b.shape[0], *a.shape[1:])
        if adapted != weight.shape:
            raise CheckpointError(
                f"{path} adapts {module} as {adapted}, but its weight is {weight.shape}: it is of "
                "another model"
            )
        state[name] = weight._replace(read=partial(_folded, weight, a, b, scale))


@torch.no_grad()
def _folded(weight: Weight, a: Weight, b: Weight, scale: float) -> Tensor:
    return fold(weight.read(), a.read(), b.read(), scale)

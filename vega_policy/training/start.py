"""The policy that a run starts from: a base checkpoint's weights or random ones, LoRA on top."""

from typing import TYPE_CHECKING

import torch

from vega_policy import checkpoint
from vega_policy.model.config import ModelConfig
from vega_policy.model.initialization import initialize_from_scratch
from vega_policy.model.policy import VegaPolicy
from vega_policy.recipe import Recipe
from vega_policy.training import lora

if TYPE_CHECKING:
    from transformers import LlamaModel


def check_start(recipe: Recipe) -> str | None:
    """What :func:`starting_policy` would refuse, found before weights are read.

    Returns:
        Digest of the base's weights; None if the run starts from random ones.

    Raises:
        PolicyError: As there.
    """
    if recipe.lora is not None:
        lora.require_peft()
    if recipe.base_checkpoint is None:
        return None
    folder = checkpoint.base_folder(recipe.base_checkpoint)
    return checkpoint.digest_of(checkpoint.base_state(folder, _base_sizes(recipe)))


def _base_sizes(recipe: Recipe) -> ModelConfig:
    if recipe.lora is None:
        return recipe.model
    # Frozen weights that are never computed need no memory.
    return recipe.model.model_copy(update={"full_layout": False})


def starting_policy(recipe: Recipe, device: torch.device) -> VegaPolicy:
    """The policy before the first step; exactly its trained weights require gradients.

    Random weights depend on the recipe's seed. What a base checkpoint lacks (FiLM, action head and
    the projectors of numbers) starts as PyTorch initialises it, as in the reference.

    Args:
        recipe: Sizes, base, LoRA, precision, seed.
        device: Where to.

    Raises:
        PolicyError: The base checkpoint is missing or of other sizes, or peft is not installed.
    """
    dtype = checkpoint.compute_dtype(recipe.training.precision)
    torch.manual_seed(recipe.training.seed)
    if recipe.base_checkpoint is None:
        policy = VegaPolicy(recipe.model)
        initialize_from_scratch(policy)
        policy.to_compute_dtype(dtype)
    else:
        base = checkpoint.base_folder(recipe.base_checkpoint)
        policy = checkpoint.load_base(base, _base_sizes(recipe), device, dtype)
    return _to_be_trained(policy, recipe).to(device)


def policy_of_sizes(recipe: Recipe) -> VegaPolicy:
    """:func:`starting_policy` on the meta device: no memory, and no base checkpoint is needed.

    Raises:
        RecipeError: peft is not installed.
    """
    dtype = checkpoint.compute_dtype(recipe.training.precision)
    sizes = recipe.model if recipe.base_checkpoint is None else _base_sizes(recipe)
    policy = VegaPolicy.empty(sizes).to_compute_dtype(dtype)
    return _to_be_trained(policy, recipe).to("meta")


def _to_be_trained(policy: VegaPolicy, recipe: Recipe) -> VegaPolicy:
    if recipe.lora is not None:
        lora.inject(policy, recipe.lora)
    else:
        _freeze_what_is_never_computed(policy)
    if recipe.training.gradient_checkpointing:
        checkpoint_gradients(policy)
    return policy


def _freeze_what_is_never_computed(policy: VegaPolicy) -> None:
    """Weights of the public layout that no pass uses keep their values, weight decay included."""
    if policy.config.full_layout:
        computed = lora.computed_names(policy)
        for name, weight in policy.named_parameters():
            weight.requires_grad_(name in computed)


def checkpoint_gradients(policy: VegaPolicy) -> None:
    """Lets the language model's layers be computed twice, see `training.gradient_checkpointing`."""
    llama: LlamaModel = policy.language_model.model
    # transformers 5 renamed it on the way; the old name warns.
    old = llama.gradient_checkpointing_enable
    enable = getattr(llama, "activation_checkpointing_enable", old)
    enable({"use_reentrant": False})

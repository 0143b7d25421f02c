"""Small synthetic recipes, policies and checkpoints; datasets are in data/synthetic.py."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import hw_config
from vega_policy import checkpoint
from vega_policy.alignment.projector import AlignmentProjector
from vega_policy.data.facts import DatasetFacts
from vega_policy.data.synthetic import IMAGE_EVERY, STEPS, write_dataset, write_episode
from vega_policy.model.config import ModelConfig
from vega_policy.model.initialization import initialize_from_scratch
from vega_policy.model.policy import VegaPolicy
from vega_policy.normalization import statistics_of
from vega_policy.recipe import Recipe, load_recipe, models_dir
from vega_policy.training.provenance import training_contract

__all__ = [
    "IMAGE_EVERY",
    "SMALL",
    "STEPS",
    "small_inputs",
    "small_policy",
    "small_recipe",
    "write_checkpoint",
    "write_dataset",
    "write_episode",
]

SMALL = (
    "model.dino={dim: 24, depth: 3, heads: 2}",
    "model.siglip={dim: 16, depth: 3, heads: 2}",
    "model.llm={dim: 32, ffn: 48, layers: 2, heads: 2, vocab_size: 512, max_positions: 512}",
    "model.image_size=28",
    "model.chunk=5",
    "data.validation_episodes=1",
    "training.precision=float32",
    "training.batch=8",
    "training.micro_batch=null",
    "training.log_every=1",
    "training.optimizer.warmup_steps=0",
)


def small_recipe(*overrides: str) -> Recipe:
    """The twin's recipe at a size of thousands of weights."""
    return load_recipe("twin_close_laptop", [*SMALL, *overrides])


def small_policy(**changes: Any) -> VegaPolicy:
    """A policy of thousands of random weights; FiLM is not the identity that training starts with.

    Args:
        changes: Fields of its configuration.
    """
    config = ModelConfig.model_validate({**small_recipe().model.model_dump(), **changes})
    torch.manual_seed(0)
    policy = VegaPolicy(config)
    initialize_from_scratch(policy)
    for name, parameter in policy.named_parameters():
        if ".scale." in name or ".shift." in name:
            torch.nn.init.normal_(parameter, std=0.5)
    return policy.eval()


def small_inputs(config: ModelConfig, samples: int) -> tuple[Tensor, Tensor]:
    """Random pixels and states for a policy."""
    generator = torch.Generator().manual_seed(1)
    size = config.image_size
    pixels = torch.randn(samples, 6 * config.views, size, size, generator=generator)
    return pixels, torch.randn(samples, config.proprio_dim, generator=generator)


def write_checkpoint(folder: Path, recipe: Recipe | None = None) -> Path:
    """Writes a checkpoint of a small policy, alignment projector included, and returns its path."""
    recipe = recipe or small_recipe()
    hw = hw_config.load()
    values = np.random.default_rng(0).uniform(-1, 1, (50, 14))
    facts = DatasetFacts(
        tasks={"close_laptop": "close the laptop"},
        joint_names=hw.joint_names,
        camera_names=tuple(hw.cameras),
        fps=hw.rates.control_hz,
        action=statistics_of(values),
        proprio=statistics_of(values),
    )
    policy = small_policy(**recipe.model.model_dump())
    projector = AlignmentProjector(recipe.model.dino.dim, 49)
    contract = training_contract(recipe, facts)
    checkpoint.save(folder, policy, contract, models_dir() / recipe.tokenizer, projector)
    return folder

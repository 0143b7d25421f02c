"""Small made-up stand-ins: a dataset in the recorder's format, a recipe, a policy, a checkpoint.

In the dataset a red square before the head camera decides where the right arm goes, so there is
something to learn; the ground truth is a floor 1 m away with the square 10 cm above it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import hw_config
from vega_policy import checkpoint
from vega_policy.alignment.projector import AlignmentProjector
from vega_policy.data.dataset import DatasetFacts
from vega_policy.model.config import ModelConfig
from vega_policy.model.initialization import initialize_from_scratch
from vega_policy.model.policy import VegaPolicy
from vega_policy.normalization import statistics_of
from vega_policy.recipe import Recipe, load_recipe, models_dir
from vega_policy.training.provenance import training_contract

STEPS = 40
IMAGE_EVERY = 4
SMALL = (
    "model.dino={dim: 24, depth: 3, heads: 2}",
    "model.siglip={dim: 16, depth: 3, heads: 2}",
    "model.llm={dim: 32, ffn: 48, layers: 2, heads: 2, vocab_size: 512, max_positions: 512}",
    "model.image_size=28",
    "model.chunk=5",
    "data.validation_episodes=1",
    "training.precision=float32",
    "training.batch=8",
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


def write_episode(path: Path, seed: int, **changes: object) -> None:
    """Writes one episode; ``changes`` replace arrays of it, or entries of its metadata."""
    hw = hw_config.load()
    rng = np.random.default_rng(seed)
    goal = rng.uniform(-1, 1, 2)
    target = np.zeros(14)
    target[7:9] = goal
    target[13] = 0.05 * (goal[0] > 0)
    action = (np.linspace(0, 1, STEPS)[:, None] * target).astype(np.float32)
    state = np.concatenate([action[:1], action[:-1]]) + rng.normal(0, 1e-3, (STEPS, 14))
    index = np.arange(0, STEPS, IMAGE_EVERY)
    frames = (len(index), 3)
    images = rng.integers(80, 120, (*frames, 256, 256, 3)).astype(np.uint8)
    depth = np.ones((*frames, 64, 64), np.float16)
    segmentation = np.zeros((*frames, 64, 64), np.uint8)
    x, y = (int(32 + 22 * value) for value in goal)
    images[:, 0, 4 * y - 24 : 4 * y + 24, 4 * x - 24 : 4 * x + 24] = (220, 40, 40)
    depth[:, 0, y - 6 : y + 6, x - 6 : x + 6] = 0.9
    segmentation[:, 0, y - 6 : y + 6, x - 6 : x + 6] = 3
    metadata: dict[str, Any] = {
        "task": "close_laptop",
        "instruction": "close the laptop",
        "success": True,
        "fps": 25.0,
        "joint_names": list(hw.joint_names),
        "camera_names": list(hw.cameras),
    }
    arrays: dict[str, Any] = {
        "state": state.astype(np.float32),
        "action": action,
        "image_index": index.astype(np.int32),
        "images": images,
        "depth": depth,
        "segmentation": segmentation,
        "camera_pose": np.tile(np.eye(4, dtype=np.float32), (*frames, 1, 1)),
    }
    for name, value in changes.items():
        (arrays if name in arrays else metadata)[name] = value
    kept = {name: value for name, value in arrays.items() if value is not None}
    np.savez(path, metadata=json.dumps(metadata), **kept)


def write_dataset(folder: Path, episodes: int = 6) -> Path:
    """Writes a folder of episodes and returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(episodes):
        write_episode(folder / f"episode_{seed:06d}.npz", seed)
    return folder

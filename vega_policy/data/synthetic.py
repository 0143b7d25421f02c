"""A synthetic dataset in the recorder's format, for tests and comparisons that need no real one.

A red square before the head camera decides where the right arm goes, so there is something to
learn; the ground truth is a floor 1 m away with the square 10 cm above it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

import hw_config

STEPS = 40
IMAGE_EVERY = 4


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

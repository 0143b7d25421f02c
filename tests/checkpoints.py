"""Small untrained policies for tests of the launched system: right in form, aimless in motion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import yaml
from safetensors.torch import load_file, save_file

import hw_config
from vega_policy import checkpoint
from vega_policy.contract import FILE_NAME, CameraContract
from vega_policy.model.initialization import initialize_from_scratch
from vega_policy.model.policy import VegaPolicy
from vega_policy.normalization import statistics_of
from vega_policy.recipe import load_recipe, models_dir
from vega_policy.vega_contract import ImageContract, NormalizationContract, VegaContract

_SMALL = [
    "model.dino.depth=2",
    "model.siglip.depth=2",
    "model.llm.layers=1",
]
_REACH = 0.05  # how far it strays from home, rad; the gripper a tenth of it in m


def untrained(folder: Path, task: str = "close_laptop") -> Path:
    """Writes a policy that moves the arms a little around their resting posture."""
    hw = hw_config.load()
    recipe = load_recipe("twin_close_laptop", _SMALL)
    torch.manual_seed(0)
    policy = VegaPolicy(recipe.model)
    initialize_from_scratch(policy)
    home = np.array(hw.home)
    reach = np.where(["gripper" in name for name in hw.joint_names], _REACH / 10, _REACH)
    statistics = statistics_of(np.stack([home - reach, home + reach]))
    contract = VegaContract(
        recipe=recipe.name,
        tasks={task: hw_config.load_task(task).instruction},
        joint_names=hw.joint_names,
        action_dim=recipe.model.action_dim,
        proprio_dim=recipe.model.proprio_dim,
        chunk=recipe.model.chunk,
        control_hz=hw.rates.control_hz,
        action_tokens=recipe.model.action_tokens,
        cameras=tuple(
            CameraContract(name=c.name, dataset_key=c.dataset_key, width=c.width, height=c.height)
            for c in hw.cameras.values()
        ),
        image=ImageContract(squash=recipe.image.squash, size=recipe.model.image_size),
        normalization=NormalizationContract(scheme="bounds", action=statistics, proprio=statistics),
        instruction_template=recipe.instruction_template,
        git_commit="none",
    )
    checkpoint.save(folder, policy, contract, models_dir() / recipe.tokenizer)
    return folder


def with_nan(folder: Path) -> Path:
    """Spoils one weight of a policy's action head."""
    file = folder / "action_head--latest_checkpoint.safetensors"
    weights = load_file(file)
    next(iter(weights.values())).view(-1)[0] = float("nan")
    save_file(weights, file)
    return folder


def with_swapped_wrists(folder: Path) -> Path:
    """Has a policy's policy.yaml name the wrist cameras in the wrong order."""
    file = folder / FILE_NAME
    contract = yaml.safe_load(file.read_text(encoding="utf-8"))
    head, left, right = contract["cameras"]
    contract["cameras"] = [head, right, left]
    file.write_text(yaml.safe_dump(contract, sort_keys=False), encoding="utf-8")
    return folder

"""What a checkpoint says of where it came from: its contract and the commit of the code."""

import subprocess
from pathlib import Path

import hw_config
from vega_policy.contract import CameraContract
from vega_policy.data.facts import DatasetFacts
from vega_policy.errors import DatasetError
from vega_policy.recipe import Recipe
from vega_policy.vega_contract import ImageContract, NormalizationContract, VegaContract


def training_contract(
    recipe: Recipe, facts: DatasetFacts, base_digest: str | None = None
) -> VegaContract:
    """What the policy.yaml of a run says.

    Args:
        recipe: Of the run.
        facts: Of its data.
        base_digest: Of the weights that it starts from.

    Raises:
        DatasetError: The dataset contradicts hw_config or the recipe.
    """
    known = {str(name): camera for name, camera in hw_config.load().cameras.items()}
    strange = [name for name in facts.camera_names if name not in known]
    if strange:
        raise DatasetError(f"cameras {strange} of the dataset are not in hw_config: {list(known)}")
    if len(facts.joint_names) != recipe.model.action_dim:
        raise DatasetError(
            f"the dataset has {len(facts.joint_names)} action values, the recipe "
            f"{recipe.model.action_dim}"
        )
    cameras = [known[name] for name in facts.camera_names]
    return VegaContract(
        recipe=recipe.name,
        tasks=facts.tasks,
        joint_names=facts.joint_names,
        action_dim=recipe.model.action_dim,
        proprio_dim=recipe.model.proprio_dim,
        chunk=recipe.model.chunk,
        control_hz=facts.fps,
        action_tokens=recipe.model.action_tokens,
        cameras=tuple(
            CameraContract(name=c.name, dataset_key=c.dataset_key, width=c.width, height=c.height)
            for c in cameras
        ),
        image=ImageContract(
            squash=recipe.image.squash,
            size=recipe.model.image_size,
            crop_area=recipe.image.crop_area,
            jpeg=recipe.image.jpeg,
        ),
        normalization=NormalizationContract(
            scheme=recipe.data.normalization, action=facts.action, proprio=facts.proprio
        ),
        instruction_template=recipe.instruction_template,
        git_commit=git_commit(),
        base_checkpoint=recipe.base_checkpoint,
        base_digest=base_digest,
        instructions=dict(facts.instructions),
    )


def git_commit() -> str:
    """Commit of this code, with "-dirty" after local changes, or "unknown"."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40"]
    folder = Path(__file__).parent
    try:
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return result.stdout.strip()

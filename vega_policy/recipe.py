"""Recipes: everything that decides a training run, as one YAML file of ``models/``.

A recipe may derive from another (``base: NAME``) and then states only what differs.
"""

import os
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vega_policy.alignment.config import AlignmentConfig
from vega_policy.errors import RecipeError
from vega_policy.model.config import ModelConfig
from vega_policy.normalization import Scheme

PROMPT = "In: What action should the robot take to {instruction}?\nOut:"


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ImageRecipe(_Frozen):
    """Preprocessing; the model's own size is ``model.image_size``."""

    squash: int = Field(default=256, gt=0, description="side after the first, bicubic resize")
    crop_area: float = Field(default=0.9, gt=0, le=1, description="share of the area that is kept")
    jpeg: bool = Field(default=False, description="JPEG round trip at inference")


class AugmentationRecipe(_Frozen):
    """Random changes of the training images, drawn for each camera on its own."""

    enabled: bool = True
    diagonal_crops: bool = Field(
        default=False,
        description="slide crops along the diagonal only, as the reference does by accident",
    )
    brightness: float = Field(default=0.2, ge=0, description="largest change, of [0, 1]")
    contrast: float = Field(default=0.2, ge=0, lt=1, description="largest change of the factor 1")
    saturation: float = Field(default=0.2, ge=0, lt=1, description="largest change of the factor 1")
    hue: float = Field(default=0.05, ge=0, le=0.5, description="largest change, turns")


class DataRecipe(_Frozen):
    """From episodes to training samples."""

    normalization: Scheme = Field(default="bounds", description="ALOHA uses minimum and maximum")
    joint_minimum_span: float = Field(
        default=0.0, ge=0, description="least distance between the bounds of a joint, rad"
    )
    gripper_minimum_span: float = Field(
        default=0.0, ge=0, description="least distance between the bounds of a gripper, m"
    )
    tail: Literal["pad", "drop"] = Field(
        default="pad",
        description="last chunk - 1 frames of an episode: `pad` repeats the last action, so that "
        "the policy learns to finish; `drop` leaves them out as the reference does",
    )
    validation_episodes: int = Field(default=0, ge=0, description="episodes kept out of training")
    augmentation: AugmentationRecipe = AugmentationRecipe()


class OptimizerRecipe(_Frozen):
    """AdamW and its schedule."""

    learning_rate: float = Field(default=5e-4, gt=0)
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = Field(default=0.01, ge=0)
    clip_norm: float | None = Field(default=None, gt=0, description="largest gradient norm")
    warmup_steps: int = Field(default=0, ge=0, description="linear rise from a tenth of the rate")
    schedule: Literal["drop", "cosine", "cooldown"] = Field(
        default="drop",
        description="`drop`: a tenth from decay_at on; `cosine`: to 0 over the run; `cooldown`: "
        "constant, then linearly to 0 over the last decay_share of the run",
    )
    decay_at: int = Field(default=50_000, gt=0, description="step of the drop")
    decay_share: float = Field(
        default=0.3, gt=0, le=1, description="share of the run that cools down"
    )
    ema: float | None = Field(
        default=None, gt=0, lt=1, description="decay of averaged weights, which are what is saved"
    )


class TrainingRecipe(_Frozen):
    """The loop."""

    steps: int = Field(gt=0)
    batch: int = Field(gt=0, description="samples a step, over all processes")
    micro_batch: int | None = Field(
        default=None,
        gt=0,
        description="samples computed at once, to bound memory; a step adds up as many as its "
        "batch needs. Fixed, a run's losses hardly depend on the number of processes. Without "
        "it, a process computes its share of the batch at once",
    )
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="dtype of vision and language model; the optimizer always works in float32",
    )
    log_every: int = Field(default=50, gt=0, description="steps")
    save_every: int = Field(default=1000, gt=0, description="steps")
    optimizer: OptimizerRecipe = OptimizerRecipe()


class Recipe(_Frozen):
    """A training run."""

    name: str
    description: str
    model: ModelConfig
    image: ImageRecipe = ImageRecipe()
    instruction_template: str = PROMPT
    tokenizer: str = Field(description="tokenizer.json, relative to models/")
    data: DataRecipe = DataRecipe()
    alignment: AlignmentConfig = AlignmentConfig()
    training: TrainingRecipe


def models_dir() -> Path:
    """Folder of recipes and shipped checkpoints; $VEGA_MODELS replaces the repository's own."""
    return Path(os.environ.get("VEGA_MODELS") or Path(__file__).resolve().parents[1] / "models")


def recipe_names() -> list[str]:
    """Names of all recipes."""
    return sorted(path.stem for path in models_dir().glob("*.yaml"))


def load_recipe(name: str, overrides: list[str] | None = None) -> Recipe:
    """Reads a recipe.

    Args:
        name: Of a file in ``models/``, without ``.yaml``.
        overrides: ``path.to.field=value`` each, the value in YAML.

    Raises:
        RecipeError: Unknown recipe (all names are listed), unknown field or impossible value.
    """
    data = _resolved(name, ())
    for override in overrides or []:
        _apply(data, override)
    data["name"] = name
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise RecipeError(f"recipe {name}:\n" + "\n".join(lines)) from None


def _resolved(name: str, seen: tuple[str, ...]) -> dict[str, Any]:
    """A recipe's fields with those of its bases below."""
    path = models_dir() / f"{name}.yaml"
    if name in seen:
        raise RecipeError(f"recipes derive from one another: {' -> '.join((*seen, name))}")
    if not path.is_file():
        raise RecipeError(f"no recipe '{name}'; there are: {', '.join(recipe_names())}")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise RecipeError(f"{path}: {error}") from None
    if not isinstance(data, dict):
        raise RecipeError(f"{path}: expected fields, got {type(data).__name__}")
    base = data.pop("base", None)
    if base is None:
        return data
    return _merged(_resolved(str(base), (*seen, name)), data)


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = _merged(old, value)
        else:
            merged[key] = value
    return merged


def _apply(data: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator:
        raise RecipeError(f"override '{override}': expected path.to.field=value")
    *path, last = key.split(".")
    for part in path:
        data = data.setdefault(part, {})
        if not isinstance(data, dict):
            raise RecipeError(f"override '{override}': {part} is a value, not a group of fields")
    try:
        data[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise RecipeError(f"override '{override}': the value is no YAML") from None

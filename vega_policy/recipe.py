"""Recipes: everything that decides a training run, as one YAML file of ``models/``.

A recipe may derive from another (``base: NAME``) and then states only what differs. The defaults
below are the paper's figures (section 4.1) and OpenVLA-OFT's where the paper follows it.
``python -m vega_policy.train --recipe NAME --print-recipe`` prints all fields of a recipe and what
they mean.
"""

import os
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from vega_policy.alignment.config import AlignmentConfig
from vega_policy.errors import RecipeError
from vega_policy.instructions import check_template
from vega_policy.model.config import ModelConfig
from vega_policy.normalization import Scheme

PROMPT = "In: What action should the robot take to {instruction}?\nOut:"


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LoraRecipe(_Frozen):
    """Low-rank changes of a frozen base network (LoRA), see :mod:`vega_policy.training.lora`."""

    rank: int = Field(default=32, gt=0, description="rank r of each change B A")
    alpha: int | None = Field(
        default=None,
        gt=0,
        description="the change is scaled by alpha / rank; null: min(rank, 16), as OpenVLA-OFT",
    )
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="share of a layer's inputs that its change misses"
    )

    @property
    def resolved_alpha(self) -> int:
        """Alpha, or OpenVLA-OFT's choice for this rank."""
        return min(self.rank, 16) if self.alpha is None else self.alpha


class ImageRecipe(_Frozen):
    """Preprocessing; the model's own size is ``model.image_size``."""

    squash: int = Field(default=256, gt=0, description="side after the first, bicubic resize")
    crop_area: float = Field(default=0.9, gt=0, le=1, description="share of the area that is kept")
    jpeg: bool = Field(default=False, description="JPEG round trip at inference")


class AugmentationRecipe(_Frozen):
    """Random changes of the training images, drawn for each camera on its own."""

    enabled: bool = Field(default=True, description="off: the centre crop, as at inference")
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
    image_every: int = Field(
        default=1,
        ge=1,
        description="of an episode's images, each so many-th is a sample: a smaller frame cache",
    )
    validation_episodes: int = Field(default=0, ge=0, description="episodes kept out of training")
    augmentation: AugmentationRecipe = Field(
        default=AugmentationRecipe(), description="random changes of the training images"
    )


class OptimizerRecipe(_Frozen):
    """AdamW and its schedule."""

    learning_rate: float = Field(
        default=5e-4, gt=0, description="highest rate of the run, the same for all that is trained"
    )
    betas: tuple[float, float] = Field(
        default=(0.9, 0.999), description="decay of AdamW's averages of gradient and its square"
    )
    weight_decay: float = Field(
        default=0.01, ge=0, description="of everything that is trained, biases and norms too"
    )
    clip_norm: float | None = Field(
        default=None, gt=0, description="largest gradient norm; null: not clipped"
    )
    warmup_steps: int = Field(
        default=0, ge=0, description="steps of the linear rise from a tenth of the rate"
    )
    schedule: Literal["drop", "cosine", "cooldown"] = Field(
        default="drop",
        description="`drop`: a tenth from decay_at on; `cosine`: to 0 over the run; `cooldown`: "
        "constant, then linearly to 0 over the last decay_share of the run",
    )
    decay_at: int = Field(default=50_000, gt=0, description="step of the drop (schedule `drop`)")
    decay_share: float = Field(
        default=0.3, gt=0, le=1, description="share of the run that cools down (`cooldown`)"
    )
    ema: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="decay of averaged weights, which are then what is saved; null: none",
    )


class TrainingRecipe(_Frozen):
    """The loop. A run of the paper's size: 4 GPUs with 4 samples each, 100 000 steps."""

    steps: int = Field(default=100_000, gt=0, description="updates in the whole run")
    batch: int = Field(
        default=16, gt=0, description="samples a step, over all processes: 4 on each of 4 GPUs"
    )
    micro_batch: int | None = Field(
        default=None,
        gt=0,
        description="samples computed at once, to bound memory; a step adds up as many as its "
        "batch needs. Fixed, a run's losses hardly depend on the number of processes. Without "
        "it, a process computes its share of the batch at once",
    )
    gradient_checkpointing: bool = Field(
        default=False,
        description="compute the language model's layers twice instead of keeping what they need "
        "for their gradients: less memory, slower, the same result",
    )
    seed: int = Field(
        default=0, ge=0, description="of initial weights, order of samples and image changes"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="bfloat16",
        description="dtype of vision and language model; the optimizer always works in float32",
    )
    log_every: int = Field(default=50, gt=0, description="steps between two lines of the log")
    save_every: int = Field(default=10_000, gt=0, description="steps between two checkpoints")
    keep: int = Field(
        default=2,
        gt=0,
        description="checkpoints that stay: the newest as checkpoint/, earlier ones as "
        "checkpoint-STEP/; the best on held-out episodes stays as best/ besides",
    )
    optimizer: OptimizerRecipe = Field(
        default=OptimizerRecipe(), description="AdamW and its schedule"
    )


class Recipe(_Frozen):
    """A training run."""

    name: str = Field(description="of its file in models/")
    description: str = Field(description="one line for people")
    model: ModelConfig = Field(description="sizes of the network")
    base_checkpoint: str | None = Field(
        default=None,
        description="folder with an openvla-7b or OpenVLA-OFT checkpoint whose vision backbone, "
        "projector and language model the run starts from, relative to models/ or absolute; "
        "null: random weights",
    )
    lora: LoraRecipe | None = Field(
        default=None,
        description="train low-rank changes of the vision backbone, the projector and the "
        "language model, which stay frozen themselves; null: train all weights. FiLM, "
        "action head and the other projectors are trained whole either way",
    )
    image: ImageRecipe = Field(default=ImageRecipe(), description="preprocessing of the images")
    instruction_template: str = Field(
        default=PROMPT, description="prompt around the instruction, OpenVLA's"
    )
    tokenizer: str = Field(description="tokenizer.json, relative to models/ or absolute")
    data: DataRecipe = Field(default=DataRecipe(), description="from episodes to training samples")
    alignment: AlignmentConfig = Field(
        default=AlignmentConfig(), description="the alignment loss, VEGA's or another"
    )
    training: TrainingRecipe = Field(default=TrainingRecipe(), description="the loop")

    @field_validator("instruction_template")
    @classmethod
    def _template(cls, value: str) -> str:
        check_template(value)
        return value


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
        if data.get(part) is None:  # a group that is not there, or not wanted so far
            data[part] = {}
        data = data[part]
        if not isinstance(data, dict):
            raise RecipeError(f"override '{override}': {part} is a value, not a group of fields")
    try:
        data[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise RecipeError(f"override '{override}': the value is no YAML") from None

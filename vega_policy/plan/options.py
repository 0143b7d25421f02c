"""All ways to train a recipe on some GPUs, what each takes, and which is best."""

from collections.abc import Iterator
from typing import NamedTuple

from vega_policy.errors import RecipeError
from vega_policy.plan import layouts
from vega_policy.plan.gpus import Gpu, find
from vega_policy.plan.layouts import DDP, FSDP2, OF_THE_TRAINER, Memory, Time
from vega_policy.plan.step import Sketch
from vega_policy.recipe import LoraRecipe, Recipe

FITS, TIGHT, NOT = "fits", "tight", "no"


class Option(NamedTuple):
    """A way to train a recipe.

    Attributes:
        lora: Whether low-rank changes are trained, or else all weights.
        checkpointing: Whether gradient checkpointing is on.
        layout: `DDP` or `FSDP2`.
        memory: Of each GPU.
        verdict: `fits`; `tight`: without what fragments take; or `no`.
        time: Of a step.
    """

    lora: bool
    checkpointing: bool
    layout: str
    memory: Memory
    verdict: str
    time: Time

    @property
    def is_offered(self) -> bool:
        """Whether the trainer can do it."""
        return self.layout in OF_THE_TRAINER

    def __str__(self) -> str:
        kind = "LoRA" if self.lora else "full"
        return f"{kind}, {self.layout}{', checkpointing' if self.checkpointing else ''}"


class Run(NamedTuple):
    """The shape of a run.

    Attributes:
        gpu: Which one.
        gpus: How many, one process each.
        samples: Of a micro-batch, on each GPU.
        micro_batches: Passes of a step, on each GPU.
    """

    gpu: Gpu
    gpus: int
    samples: int
    micro_batches: int

    @property
    def batch(self) -> int:
        """Samples of a step, on all GPUs."""
        return self.gpus * self.samples * self.micro_batches


class Plan(NamedTuple):
    """What every way to train a recipe takes on some GPUs.

    Attributes:
        recipe: What to train.
        gpu: Name of the GPU.
        run: The shape of the run.
        share: Of the GPU's peak that is reached.
        options: All ways.
    """

    recipe: Recipe
    gpu: str
    run: Run
    share: float
    options: list[Option]

    @property
    def recommended(self) -> Option | None:
        """The fastest that fits and that the trainer offers; of the recipe's kind, if one does."""
        fitting = [each for each in self.options if each.verdict == FITS and each.is_offered]
        own = [each for each in fitting if each.lora == (self.recipe.lora is not None)]
        return min(own or fitting, key=lambda option: option.time.total, default=None)


def plan_for(recipe: Recipe, gpu: str, gpus: int, batch: int | None, share: float) -> Plan:
    """Plans a run.

    LoRA of random weights teaches nothing, so recipes without a base checkpoint are trained whole.

    Args:
        recipe: Its own choice of LoRA and gradient checkpointing is one of the options.
        gpu: Name of the GPU.
        gpus: How many.
        batch: Samples of a step on each GPU; None for the recipe's batch, shared among them.
        share: Of the GPU's peak that is reached.

    Raises:
        RecipeError: The GPU is not known, the batch does not divide, the recipe asks for what there
            is not, or peft is not installed.
    """
    run = run_of(recipe, find(gpu), gpus, batch)
    kinds = [recipe.lora or LoraRecipe()] if recipe.base_checkpoint or recipe.lora else []
    options: list[Option] = []
    for lora in (*kinds, None):
        options += _options_of_kind(recipe.model_copy(update={"lora": lora}), run, share)
    return Plan(recipe, gpu, run, share, options)


def run_of(recipe: Recipe, gpu: Gpu, gpus: int, batch: int | None) -> Run:
    """The shape of a recipe's run, as the trainer shares out its batch.

    Args:
        recipe: What to train.
        gpu: Which one.
        gpus: How many.
        batch: Samples of a step on each GPU; None for the recipe's batch, shared among them.

    Raises:
        RecipeError: The batch does not divide.
    """
    whole = recipe.training.batch if batch is None else batch * gpus
    share, rest = divmod(whole, gpus)
    micro = min(recipe.training.micro_batch or share, share)
    if rest or micro == 0 or share % micro:
        raise RecipeError(
            f"a batch of {whole} does not divide among {gpus} processes"
            + (f" in micro-batches of {micro}" if micro else "")
            + ": set --batch (samples of each GPU) or training.micro_batch"
        )
    return Run(gpu, gpus, micro, share // micro)


def _options_of_kind(recipe: Recipe, run: Run, share: float) -> Iterator[Option]:
    training = recipe.training.model_copy(update={"gradient_checkpointing": False})
    sketch = Sketch(recipe.model_copy(update={"training": training}))
    peak = run.gpu.bf16 if training.precision == "bfloat16" else run.gpu.fp32
    for checkpointing in (False, True):
        if checkpointing:
            sketch.checkpoint_gradients()
        step = sketch.step(run.samples, run.micro_batches)
        for layout in (DDP, FSDP2) if run.gpus > 1 else (DDP,):
            memory = layouts.memory(step, layout, run.gpus)
            time = layouts.time(step, layout, run.gpus, run.gpu, peak, share)
            free = run.gpu.memory - layouts.CONTEXT
            lora = recipe.lora is not None
            yield Option(lora, checkpointing, layout, memory, verdict(memory, free), time)


def verdict(memory: Memory, free: float) -> str:
    """Whether a step fits into so many bytes."""
    if memory.total <= free:
        return FITS
    return TIGHT if memory.tensors <= free else NOT

"""Refuses, before anything is loaded, a run that cannot fit into its GPUs."""

from collections.abc import Callable

import torch

from vega_policy.errors import RecipeError
from vega_policy.plan import layouts
from vega_policy.plan.gpus import GIB
from vega_policy.plan.layouts import DDP, Memory
from vega_policy.plan.options import NOT, TIGHT, verdict
from vega_policy.plan.step import Sketch
from vega_policy.recipe import Recipe
from vega_policy.training.ranks import Ranks

_SURE = 1.03
"""Of the free memory: a step that is predicted to take more does not fit. Below it the prediction
may be wrong by more than what is missing."""


def check_device(
    recipe: Recipe, samples: int, micro_batches: int, ranks: Ranks, report: Callable[[str], None]
) -> None:
    """:func:`check_fits` for this process's GPU; on the CPU, whose memory is shared, nothing."""
    if ranks.device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(ranks.device)
        check_fits(recipe, samples, micro_batches, ranks.size, free, report)


def check_fits(
    recipe: Recipe,
    samples: int,
    micro_batches: int,
    ranks: int,
    free: int,
    report: Callable[[str], None],
) -> None:
    """Compares a step with the memory of a GPU.

    Args:
        recipe: What to train and how.
        samples: Of a micro-batch.
        micro_batches: Passes of a step.
        ranks: Processes of the run.
        free: Bytes that are free on the GPU before anything is loaded.
        report: Gets a line if the step fits only just, or may not.

    Raises:
        RecipeError: The tensors alone are clearly more than is free; the text says what to lower.
    """
    sketch = Sketch(recipe)

    def needed(count: int) -> Memory:
        return layouts.memory(sketch.step(count, micro_batches), DDP, ranks)

    memory = needed(samples)
    found = verdict(memory, free)
    if found == NOT and memory.tensors <= _SURE * free:
        found = TIGHT
    if found == TIGHT:
        report(f"memory is tight: a step takes {_gib(memory.total)}, {_gib(free)} are free")
    if found != NOT:
        return
    ways = _smaller(recipe, needed, samples, free)
    if not recipe.training.gradient_checkpointing:
        sketch.checkpoint_gradients()
        if needed(samples).total <= free:
            ways.append("training.gradient_checkpointing=true")
        else:
            smaller = _smaller(recipe, needed, samples, free)
            ways += [f"{way} training.gradient_checkpointing=true" for way in smaller]
    raise RecipeError(
        f"a step of {recipe.name} takes {_gib(memory.tensors)} on each GPU, {_gib(free)} are free: "
        f"{_listed(memory)}. " + (" or ".join(ways) + " fits" if ways else _too_large(recipe))
    )


def _smaller(recipe: Recipe, needed: Callable[[int], Memory], samples: int, free: int) -> list[str]:
    """The largest micro-batch that fits: memory grows evenly with the samples."""
    if samples == 1:
        return []
    one, two = needed(1).total, needed(2).total
    fitting = [
        n for n in range(1, samples) if samples % n == 0 and one + (n - 1) * (two - one) <= free
    ]
    return [f"training.micro_batch={max(fitting)}"] if fitting else []


def _listed(memory: Memory) -> str:
    return ", ".join(f"{part} {_gib(size)}" for part, size in memory.parts.most_common())


def _too_large(recipe: Recipe) -> str:
    lora = "" if recipe.lora is not None else "train low-rank changes (lora.rank=32), or "
    return f"No micro-batch fits: {lora}take GPUs with more memory"


def _gib(size: float) -> str:
    return f"{size / GIB:.1f} GiB"

"""A plan for people, and as data."""

from collections.abc import Sequence
from typing import Any

from vega_policy.inspect import PROMPT_TOKENS
from vega_policy.plan import layouts
from vega_policy.plan.gpus import GIB
from vega_policy.plan.layouts import AVERAGING, GATHERED
from vega_policy.plan.options import FITS, NOT, TIGHT, Option, Plan, Run
from vega_policy.plan.step import Part

COLUMNS = (
    Part.WEIGHTS,
    Part.TEACHER,
    Part.MASTERS,
    Part.MOMENTS,
    Part.AVERAGES,
    Part.GRADIENTS,
    Part.ACTIVATIONS,
    Part.TEMPORARY,
    GATHERED,
    AVERAGING,
)
_MIB = 2**20
_WORDS = {FITS: "fits", TIGHT: "tight", NOT: "DOES NOT FIT"}


def assumptions(run: Run, share: float) -> list[str]:
    """What the figures rest on, a sentence each."""
    return [
        "memory: tensors at the fullest moment of a step, counted from the real network on the "
        f"meta device, with one instruction of {PROMPT_TOKENS} tokens and fused attention; "
        "gradients grow as activations go",
        f"reserve: {layouts.CONTEXT / GIB:g} GiB for CUDA and its libraries, and "
        f"{layouts.FRAGMENTS:.0%} of what comes and goes; tight: fits without the latter",
        f"time: {share:.0%} of the GPU's peak (--share), but {1e6 * layouts.LAUNCH:g} us for each "
        f"operation at least; {layouts.REACHED:.0%} of the bandwidth of its memory and of its link "
        "to the others; reading data and saving are not in it",
        "DDP averages float32 gradients after the last backward pass; FSDP2 sends while it "
        "computes, and is planned here but not offered by the trainer",
    ][: 4 if run.gpus > 1 else 3]


def table(plan: Plan) -> str:
    """The plan for a terminal."""
    recipe, run, options = plan.recipe, plan.run, plan.options
    most = max(option.memory.tensors for option in options)
    unit, size = ("GiB", GIB) if most >= GIB else ("MiB", _MIB)
    used = [
        part
        for part in COLUMNS
        if part == Part.GRADIENTS or any(option.memory.parts[part] for option in options)
    ]
    names = [*used, "reserve", "total"]
    lines = [
        f"{recipe.name} on {run.gpus} x {plan.gpu} ({run.gpu.memory / GIB:.1f} GiB each): "
        f"{run.batch} samples a step, {run.micro_batches} x {run.samples} on each GPU",
        "",
        _row(f"{unit} on each GPU", names, names) + "                step",
    ]
    for option in options:
        sizes = [*(option.memory.parts[part] for part in used), _reserve(option), _total(option)]
        figures = [f"{part / size:.1f}" for part in sizes]
        lines.append(
            f"{_row(str(option), figures, names)}  {_WORDS[option.verdict]:<12}  "
            f"{_seconds(option.time.total)}, {run.batch / option.time.total:.1f} samples/s"
        )
    notes = [f"- {text}" for text in assumptions(run, plan.share)]
    return "\n".join([*lines, "", *notes, "", _advice(plan)])


def _reserve(option: Option) -> int:
    return round(option.memory.fragments + layouts.CONTEXT)


def _total(option: Option) -> int:
    return option.memory.tensors + _reserve(option)


def _row(title: str, figures: Sequence[str], names: Sequence[str]) -> str:
    """Each figure in a column as wide as its name."""
    cells = (f"{figure:>{max(len(name), 6) + 2}}" for figure, name in zip(figures, names))
    return f"{title:<27}" + "".join(cells)


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 0.1 else f"{1e3 * value:.1f} ms"


def _advice(plan: Plan) -> str:
    best = plan.recommended
    if best is None:
        return (
            "nothing that the trainer offers fits: lower --batch or training.micro_batch, or take "
            "GPUs with more memory"
        )
    return f"recommended: {best}\n  {command(plan, best)}"


def command(plan: Plan, option: Option) -> str:
    """The command that trains in this way."""
    recipe, run = plan.recipe, plan.run
    start = f"torchrun --nproc-per-node {run.gpus}" if run.gpus > 1 else "python"
    fields = [f"training.batch={run.batch}", f"training.micro_batch={run.samples}"]
    if option.checkpointing != recipe.training.gradient_checkpointing:
        fields.append(f"training.gradient_checkpointing={str(option.checkpointing).lower()}")
    if option.lora != (recipe.lora is not None):
        fields.append("lora.rank=32" if option.lora else "lora=null")
    return (
        f"{start} -m vega_policy.train --recipe {recipe.name} --dataset DIR --out DIR "
        + " ".join(fields)
    )


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan as data; bytes and seconds."""
    run, best = plan.run, plan.recommended
    return {
        "recipe": plan.recipe.name,
        "gpu": plan.gpu,
        "gpu_memory": round(run.gpu.memory),
        "gpus": run.gpus,
        "batch": run.batch,
        "micro_batch": run.samples,
        "micro_batches": run.micro_batches,
        "assumptions": assumptions(run, plan.share),
        "options": [_option(option, run) for option in plan.options],
        "recommended": None if best is None else plan.options.index(best),
        "command": None if best is None else command(plan, best),
    }


def _option(option: Option, run: Run) -> dict[str, Any]:
    return {
        "training": "lora" if option.lora else "full",
        "gradient_checkpointing": option.checkpointing,
        "layout": option.layout,
        "offered": option.is_offered,
        "memory": {part: option.memory.parts[part] for part in COLUMNS},
        "reserve": _reserve(option),
        "total": _total(option),
        "verdict": option.verdict,
        "step_s": option.time.total,
        "compute_s": option.time.compute,
        "communication_s": option.time.communication,
        "update_s": option.time.update,
        "samples_per_s": run.batch / option.time.total,
    }

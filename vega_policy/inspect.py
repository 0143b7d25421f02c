"""Counts the parameters of a recipe's network by part, without allocating any.

    python -m vega_policy.inspect --recipe openvla_oft_7b
    python -m vega_policy.inspect --recipe openvla_oft_7b model.head=diffusion

The base layout is what the public base checkpoint holds, the weights that are never computed
included. Any field of the recipe can be overridden.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from vega_core import command_line
from vega_policy.alignment.projector import AlignmentProjector
from vega_policy.errors import PolicyError, RecipeError
from vega_policy.model.policy import VegaPolicy
from vega_policy.recipe import LoraRecipe, Recipe, load_recipe, recipe_names
from vega_policy.teachers import NO_TEACHER, TEACHERS
from vega_policy.training.lora import BASE_PARTS, adapted_modules, computed_names

PUBLISHED_RECIPE = "openvla_oft_7b"
PUBLISHED = {
    "base layout": 7_541_237_184,
    "FiLM": 456_241_920,
    "action head": 268_644_366,
    "proprio projector": 16_842_752,
    "alignment projector": 2_101_248,
    "LoRA": 110_828_288,
}
"""What the public implementation and the paper (appendix A.3) have at :data:`PUBLISHED_RECIPE`."""
PAPERS_TEACHER = "fit3d"
VEGA_TEACHER_DIM = 1024
"""Width of the paper's teacher, a ViT-L; taken where a recipe has no teacher or does not say."""
PROMPT_TOKENS = 25
"""Of a prompt with a short instruction."""
_BF16_BYTES = 2
_FILM = re.compile(r"\.blocks\.\d+\.(scale|shift)(\.|$)")


class Part(NamedTuple):
    """One line of the table.

    Attributes:
        name: Of the part.
        parameters: Number of weights.
        computed: How many of them a pass of the policy or, for LoRA, of its training uses.
    """

    name: str
    parameters: int
    computed: int


class Report(NamedTuple):
    """What a recipe's network consists of.

    Attributes:
        parts: The policy's parts, sums among them.
        training: What training adds.
        lora_modules: Modules with LoRA in the public implementation, and those of them computed.
        tokens: Tokens of one sequence, by kind.
    """

    parts: list[Part]
    training: list[Part]
    lora_modules: tuple[int, int]
    tokens: dict[str, int]

    def counts(self) -> dict[str, int]:
        """Parameters by name of the part."""
        return {part.name: part.parameters for part in (*self.parts, *self.training)}


def inspect(recipe: Recipe, prompt_tokens: int = PROMPT_TOKENS) -> Report:
    """Counts the weights of a recipe's network in the public layout.

    Args:
        recipe: Its model is counted as if ``full_layout`` were set, its LoRA with rank 32 if it
            has none.
        prompt_tokens: Ids of a prompt, BOS included.
    """
    policy = VegaPolicy.empty(recipe.model.model_copy(update={"full_layout": True}))
    sizes = {name: weight.numel() for name, weight in policy.named_parameters()}
    computed = computed_names(policy)
    film = {name for name in sizes if _FILM.search(name)}

    def part(name: str, *prefixes: str, among: Iterable[str] | None = None) -> Part:
        chosen = sizes.keys() - film if among is None else among
        names = [key for key in chosen if key.startswith(prefixes)]
        used = [key for key in names if key in computed]
        return Part(name, sum(map(sizes.__getitem__, names)), sum(map(sizes.__getitem__, used)))

    parts = [
        part("DINOv2 tower", "vision_backbone.featurizer."),
        part("SigLIP tower", "vision_backbone.fused_featurizer."),
        part("fused projector", "projector."),
        part("language model", "language_model.model."),
        part("lm_head", "language_model.lm_head."),
        part("base layout", *(f"{name}." for name in BASE_PARTS)),
        part("FiLM", "vision_backbone.", among=film),
        part("action head", "action_head."),
        part("proprio projector", "proprio_projector."),
        part("noisy action projector", "noisy_action_projector."),
        part("policy", "", among=sizes),
    ]
    lora, modules = _lora(policy, (recipe.lora or LoraRecipe()).rank)
    training = [_alignment(recipe), lora]
    return Report(parts, training, modules, _tokens(recipe, prompt_tokens))


def _alignment(recipe: Recipe) -> Part:
    """The projector of the recipe's alignment; training only (paper, below eq. 7)."""
    model = recipe.model
    student = model.dino.dim if recipe.alignment.method == "encoder" else model.llm.dim
    with torch.device("meta"):
        projector = AlignmentProjector(student, teacher_dim(recipe), recipe.alignment.layer_norm)
    count = sum(weight.numel() for weight in projector.parameters())
    return Part("alignment projector", count, count)


def teacher_dim(recipe: Recipe) -> int:
    """Width of the features that a recipe aligns to, as far as it is known without the weights."""
    config = recipe.alignment
    name = PAPERS_TEACHER if config.teacher == NO_TEACHER else config.teacher
    return TEACHERS.get(name).width(config.teacher_config(name)) or VEGA_TEACHER_DIM


def _lora(policy: VegaPolicy, rank: int) -> tuple[Part, tuple[int, int]]:
    """LoRA on every linear layer and convolution of the base, as the public code has it."""
    sizes = {
        path: _lora_size(module, rank)
        for path, module in policy.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
        and path.partition(".")[0] in BASE_PARTS
        and not _FILM.search(path)
    }
    used = adapted_modules(policy)
    part = Part("LoRA", sum(sizes.values()), sum(sizes[path] for path in used))
    return part, (len(sizes), len(used))


def _lora_size(module: nn.Linear | nn.Conv2d, rank: int) -> int:
    out, *inputs = module.weight.shape
    return rank * (out + torch.Size(inputs).numel())


def _tokens(recipe: Recipe, prompt_tokens: int) -> dict[str, int]:
    model = recipe.model
    tokens = {
        "patches": model.views * model.patches_per_view,
        "state": int(model.proprio),
        "noise level": int(model.head == "diffusion"),
        "prompt": prompt_tokens,
        "queries": model.action_token_count,
        "stop": 1,
    }
    return {**tokens, "sequence": sum(tokens.values())}


def table(recipe: Recipe, report: Report) -> str:
    """The report for a terminal."""
    lines = [f"{recipe.name}: {recipe.description}", "", _row("", "parameters", "computed", "bf16")]
    lines += [_part_row(part) for part in report.parts if part.parameters]
    present, used = report.lora_modules
    rank = (recipe.lora or LoraRecipe()).rank
    lines += [
        "",
        f"training adds (alignment to features {teacher_dim(recipe)} wide; LoRA of rank {rank} on "
        f"{present} modules, {used} of them computed)",
    ]
    lines += [_part_row(part) for part in report.training]
    kinds = ", ".join(f"{name} {count}" for name, count in report.tokens.items() if count)
    passes = recipe.model.diffusion.inference_steps if recipe.model.head == "diffusion" else 1
    lines += ["", f"tokens: {kinds}", f"passes of the language model a chunk: {passes}"]
    return "\n".join(lines)


def _part_row(part: Part) -> str:
    mib = part.parameters * _BF16_BYTES / 2**20
    return _row(part.name, f"{part.parameters:,}", f"{part.computed:,}", f"{mib:,.1f} MiB")


def _row(name: str, *columns: str) -> str:
    return f"{name:<24}" + "".join(f"{column:>17}" for column in columns)


def differences(report: Report) -> list[str]:
    """Published figures that a report misses, each in a sentence."""
    counts = report.counts()
    return [
        f"{name}: {counts[name]:,} parameters, published are {figure:,}"
        for name, figure in PUBLISHED.items()
        if counts[name] != figure
    ]


def as_json(recipe: Recipe, report: Report) -> dict[str, Any]:
    """The report as data."""
    return {
        "recipe": recipe.name,
        "parameters": report.counts(),
        "computed": {part.name: part.computed for part in (*report.parts, *report.training)},
        "lora_modules": {"all": report.lora_modules[0], "computed": report.lora_modules[1]},
        "tokens": report.tokens,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = command_line.parser("vega_policy.inspect", __doc__)
    parser.add_argument("--recipe", required=True, help=", ".join(recipe_names()))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument(
        "--check",
        action="store_true",
        help=f"exit with 1 unless {PUBLISHED_RECIPE} has the published numbers of parameters",
    )
    parser.add_argument(
        "--prompt-tokens",
        type=int,
        default=PROMPT_TOKENS,
        metavar="N",
        help="length of a prompt, for the length of a sequence (default %(default)s)",
    )
    parser.add_argument("overrides", nargs="*", metavar="field=value", help="fields of the recipe")
    arguments = parser.parse_intermixed_args(argv)
    return command_line.run(lambda: _run(arguments), PolicyError)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.check and arguments.recipe != PUBLISHED_RECIPE:
        raise RecipeError(
            f"--check compares with published figures, which only {PUBLISHED_RECIPE} has; "
            f"got {arguments.recipe}"
        )
    recipe = load_recipe(arguments.recipe, arguments.overrides)
    report = inspect(recipe, arguments.prompt_tokens)
    print(table(recipe, report))
    if arguments.json is not None:
        try:
            arguments.json.write_text(json.dumps(as_json(recipe, report), indent=2) + "\n")
        except OSError as error:
            raise RecipeError(f"cannot write {arguments.json}: {error}") from None
    if not arguments.check:
        return 0
    missed = differences(report)
    print("\n" + ("\n".join(missed) or "all published figures met"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

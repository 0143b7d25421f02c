"""Says whether a training run fits into GPUs, what takes the memory, and how long a step takes.

    python -m vega_policy.plan --recipe vega --gpu h100-80 --gpus 4 --batch 4

Compares LoRA with training all weights, DDP with FSDP2, and gradient checkpointing off with on,
and recommends one. The recipe's own network, losses and optimizer are run on the meta device:
neither GPU nor weights nor dataset are needed. Any field of the recipe can be overridden.
"""

import argparse
import sys
from collections.abc import Sequence

import hw_config
from vega_core import command_line
from vega_policy.errors import PolicyError
from vega_policy.plan import gpus, report
from vega_policy.plan.options import plan_for
from vega_policy.recipe import load_recipe, recipe_names

SHARE = 0.3
"""Of a GPU's peak that eager training of a network of this size reaches when data never keeps it
waiting. The paper's 28 hours are half of that."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = command_line.parser("vega_policy.plan", __doc__)
    parser.add_argument("--recipe", required=True, help=", ".join(recipe_names()))
    parser.add_argument("--gpu", required=True, help=", ".join(gpus.GPUS))
    parser.add_argument(
        "--gpus", type=command_line.positive, default=1, help="how many (default %(default)s)"
    )
    parser.add_argument(
        "--batch",
        type=command_line.positive,
        metavar="N",
        help="samples of a step on each GPU (default: the recipe's batch, shared among them)",
    )
    parser.add_argument(
        "--share",
        type=_share,
        default=SHARE,
        help="of the GPU's peak that is reached (default %(default)s)",
    )
    parser.add_argument(
        "--json", type=command_line.writable(), metavar="FILE", help="write the plan there too"
    )
    parser.add_argument("overrides", nargs="*", metavar="field=value", help="fields of the recipe")
    arguments = parser.parse_intermixed_args(argv)
    return command_line.run(lambda: _run(arguments), PolicyError, hw_config.ConfigError, OSError)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"expected a share above 0 and up to 1: {text!r}")
    return value


def _run(arguments: argparse.Namespace) -> int:
    recipe = load_recipe(arguments.recipe, arguments.overrides)
    plan = plan_for(recipe, arguments.gpu, arguments.gpus, arguments.batch, arguments.share)
    print(report.table(plan))
    command_line.write_json(arguments.json, report.as_json(plan))
    return command_line.MISSED if plan.recommended is None else command_line.OK


if __name__ == "__main__":
    sys.exit(main())

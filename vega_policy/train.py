"""Trains a policy.

    python -m vega_policy.train --recipe twin_close_laptop --dataset DIR --out DIR

Any field of the recipe can be overridden: ``training.batch=16 alignment.weight=0.2``. Ctrl-C and
SIGTERM save and end the run; the same command with ``--resume`` goes on exactly. Under
``torchrun --nproc-per-node N -m vega_policy.train ...`` the batch is shared among N processes.

    python -m vega_policy.train --recipe vega --print-recipe

prints all fields of a recipe and what they mean.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import torch
import yaml

import hw_config
from vega_core import command_line
from vega_policy.errors import PolicyError, RecipeError
from vega_policy.recipe import Recipe, load_recipe, recipe_names
from vega_policy.recipe_listing import listing
from vega_policy.training.loop import Trainer
from vega_policy.training.ranks import Ranks
from vega_policy.training.resume import RECIPE_FILE
from vega_policy.training.run_folder import STATE


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = _parser()
    arguments = parser.parse_intermixed_args(argv)
    if not arguments.print_recipe and None in (arguments.dataset, arguments.out):
        parser.error("--dataset and --out are needed, or --print-recipe")

    def command() -> int:
        recipe = _recipe(arguments)
        if arguments.print_recipe:
            print(listing(recipe), end="")
            return command_line.OK
        return _train(recipe, arguments)

    # Ctrl-C ends it before the first step; from then on it saves.
    return command_line.run(command, PolicyError, hw_config.ConfigError)


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser("vega_policy.train", __doc__)
    parser.add_argument("--recipe", required=True, help=", ".join(recipe_names()))
    parser.add_argument(
        "--dataset", type=Path, help="folder of episodes (*.npz), or a LeRobot v3.0 dataset"
    )
    parser.add_argument("--out", type=Path, help="folder of the run")
    parser.add_argument("--steps", type=int, help="length of the run, instead of the recipe's")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument(
        "--print-recipe", action="store_true", help="print all fields and what they mean"
    )
    parser.add_argument("overrides", nargs="*", metavar="field=value", help="fields of the recipe")
    return parser


def _recipe(arguments: argparse.Namespace) -> Recipe:
    overrides = list(arguments.overrides)
    if arguments.steps is not None:
        overrides.append(f"training.steps={arguments.steps}")
    return load_recipe(arguments.recipe, overrides)


def _train(recipe: Recipe, arguments: argparse.Namespace) -> int:
    out: Path = arguments.out
    if (out / STATE).exists() and not arguments.resume:
        raise RecipeError(f"{out} holds a run already: add --resume, or choose another --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise RecipeError(f"cannot write to {out}: {error}") from None
    ranks = Ranks()

    def report(line: str) -> None:
        if ranks.is_first:
            print(line, flush=True)

    try:
        trainer = Trainer(recipe, arguments.dataset, out, ranks, report, arguments.resume)
        if ranks.is_first:
            text = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False)
            (out / RECIPE_FILE).write_text(text)

        def stop(number: int, frame: FrameType | None) -> None:
            del number, frame
            report("stopping after this step")
            trainer.request_stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        return command_line.OK if trainer.run() else command_line.INTERRUPTED
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        training = recipe.training
        raise RecipeError(
            f"out of memory on {ranks.device}: lower training.micro_batch (now "
            f"{training.micro_batch or training.batch // ranks.size}), or set "
            "training.gradient_checkpointing=true; what was saved stays, --resume goes on"
        ) from None
    finally:
        ranks.close()


def _is_out_of_memory(error: Exception) -> bool:
    """Also on the CPU, where torch raises a plain RuntimeError."""
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return known or "can't allocate memory" in str(error)


if __name__ == "__main__":
    sys.exit(main())

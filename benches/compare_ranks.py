"""Whether two processes train as one does: the same losses from the same batches.

    python -m benches.compare_ranks [--recipe NAME ...] [--dataset DIR] [--check] [--json FILE]

Each recipe is trained for some steps by one process and by two under torchrun, on the CPU, and the
largest difference between their losses is printed. Without a dataset a made-up one is taken;
without a recipe, all of the twin's. Fields can be overridden as in training, for all recipes alike.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from vega_policy.data.synthetic import write_dataset
from vega_policy.errors import PolicyError, RecipeError
from vega_policy.recipe import Recipe, load_recipe, recipe_names

STEPS = 20
TOLERANCE = 1e-5
LOSSES = ("action", "first", "align")
EPISODES = 8
_QUIET = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}


def compare(
    names: Sequence[str], overrides: Sequence[str], steps: int, dataset: Path, folder: Path
) -> dict[str, float]:
    """Trains each recipe with one process and with two.

    Args:
        names: Recipes.
        overrides: Fields of all of them.
        steps: Length of each run.
        dataset: Folder of episodes.
        folder: Gets the runs, ``one/NAME`` and ``two/NAME``.

    Returns:
        For each recipe the largest absolute difference of a loss in a step.

    Raises:
        RecipeError: A run failed; its own words are in the message.
    """
    command = ["-m", "benches.compare_ranks", "--dataset", str(dataset), "--steps", str(steps)]
    for name in names:
        command += ["--recipe", name]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    runs = {
        folder / "two": [sys.executable, *torchrun, *command],
        folder / "one": [sys.executable, *command],
    }
    processes = {
        out: subprocess.Popen(
            [*line, "--work", str(out), *overrides],
            env=os.environ | _QUIET,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for out, line in runs.items()
    }
    outputs = {out: process.communicate()[0] for out, process in processes.items()}
    for out, process in reversed(processes.items()):  # torchrun adds its own words to the reason
        if process.returncode:
            raise RecipeError(f"training with {out.name} failed:\n{_reason(outputs[out])}")
    return {name: _largest_difference(folder, name, steps) for name in names}


def _reason(output: str) -> str:
    _, found, said = output.partition("error: ")
    return (said if found else output).rstrip()


def _largest_difference(folder: Path, name: str, steps: int) -> float:
    one, two = (_losses(folder / count / name) for count in ("one", "two"))
    if not len(one) == len(two) == steps * len(LOSSES):
        raise RecipeError(f"{name}: {len(one)} and {len(two)} losses, expected {steps} steps each")
    return max(abs(a - b) for a, b in zip(one, two))


def _losses(run: Path) -> list[float]:
    entries: list[Mapping[str, float]] = [
        json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()
    ]
    return [entry[key] for entry in entries for key in LOSSES if key in entry]


def _work(recipes: Sequence[Recipe], dataset: Path, out: Path) -> None:
    """One process's part: trains all recipes, one after the other."""
    from vega_policy.training.loop import Trainer
    from vega_policy.training.ranks import Ranks

    torch.set_num_threads(1)
    ranks = Ranks()
    try:
        for recipe in recipes:
            run = out / recipe.name
            run.mkdir(parents=True, exist_ok=True)
            Trainer(recipe, dataset, run, ranks, lambda line: None).run()
    finally:
        ranks.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    arguments = _parser().parse_intermixed_args(argv)
    names = arguments.recipe or [name for name in recipe_names() if name.startswith("twin_")]
    fields = [f"training.steps={arguments.steps}", "training.log_every=1"]
    overrides = [*arguments.overrides, *fields]
    try:
        recipes = [load_recipe(name, overrides) for name in names]
        if arguments.work is not None:
            _work(recipes, arguments.dataset, arguments.work)
            return 0
        with tempfile.TemporaryDirectory() as folder:
            print(f"training {', '.join(names)}, {arguments.steps} steps each", file=sys.stderr)
            dataset = arguments.dataset or write_dataset(Path(folder) / "episodes", EPISODES)
            found = compare(
                names, arguments.overrides, arguments.steps, dataset, Path(folder) / "runs"
            )
    except PolicyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    _print(found, arguments.steps)
    if arguments.json is not None:
        report = {"steps": arguments.steps, "tolerance": TOLERANCE, "largest_difference": found}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    return 1 if arguments.check and max(found.values()) > TOLERANCE else 0


def _print(found: Mapping[str, float], steps: int) -> None:
    print(f"largest difference of a loss over {steps} steps, two processes against one:")
    for name, difference in found.items():
        verdict = "ok" if difference <= TOLERANCE else f"more than {TOLERANCE:g}"
        print(f"  {name:24} {difference:.1e}  {verdict}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benches.compare_ranks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--recipe", action="append", help="may be given several times; default: all twin_*"
    )
    parser.add_argument("--dataset", type=Path, help="folder of episodes (*.npz)")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of each run (default {STEPS})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument(
        "--check", action="store_true", help=f"exit 1 if a difference exceeds {TOLERANCE:g}"
    )
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("overrides", nargs="*", metavar="field=value", help="fields of the recipes")
    return parser


if __name__ == "__main__":
    sys.exit(main())

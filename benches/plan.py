"""Whether plans tell the truth: predicted bytes of tensors against those of real training steps.

    python -m benches.plan [--recipe NAME ...] [--check] [--json FILE]

Each recipe is trained for two steps on the CPU, on a synthetic dataset. What lies in memory after
the first is summed over all tensors that Python knows; how much the second adds at most is what
PyTorch's allocator reports to its profiler. Neither has anything to do with how the plan counts.
Fields can be overridden as in training, for all recipes alike.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils._pytree import tree_leaves

from benches import harness
from benches.harness import Wanted
from vega_policy.data.synthetic import write_dataset
from vega_policy.errors import PolicyError
from vega_policy.plan.step import Sketch
from vega_policy.recipe import Recipe, load_recipe
from vega_policy.training.loop import Trainer
from vega_policy.training.ranks import Ranks

RECIPES = ("twin_vega", "twin_oft", "twin_vega_lora", "mid")
OVERRIDES = {"mid": ("training.batch=2", "training.micro_batch=1")}
"""What a CPU trains in reasonable time."""
EPISODES = 3
WANTED_PERCENT = 2.0
_MIB = 2**20


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = harness.parser("plan", __doc__, f"exit 1 if a plan is {WANTED_PERCENT:g} % off")
    parser.add_argument("--recipe", action="append", help=f"default: {', '.join(RECIPES)}")
    parser.add_argument("overrides", nargs="*", metavar="field=value", help="fields of the recipes")
    arguments = parser.parse_intermixed_args(argv)
    return harness.run(arguments, lambda: _measure(arguments), _show, PolicyError)


def _measure(arguments: argparse.Namespace) -> dict[str, Any]:
    figures = {}
    for name in arguments.recipe or RECIPES:
        print(f"training {name}", file=sys.stderr)
        figures[name] = compare(load_recipe(name, [*OVERRIDES.get(name, ()), *arguments.overrides]))
    return figures


def compare(recipe: Recipe) -> dict[str, Any]:
    """Bytes that stay between steps and bytes at the fullest moment, measured and predicted."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = write_dataset(Path(folder) / "episodes", EPISODES)
        before = _bytes_in_python()
        data = recipe.data.model_copy(update={"validation_episodes": 0})
        recipe = recipe.model_copy(update={"data": data})
        trainer = Trainer(recipe, dataset, Path(folder), Ranks(), lambda line: None)
        batch = trainer._train.batch(np.arange(_samples(trainer)))
        trainer._train_step()
        kept = _bytes_in_python() - before - _bytes(batch)
        # The allocator knows nothing of images in NumPy's memory.
        fullest = (
            kept
            + _added_by(trainer)
            + _bytes([batch.views, batch.proprio, batch.actions, batch.scene])
        )
    sketch = Sketch(recipe, int(batch.text.prompt_lengths.max()))
    if recipe.training.gradient_checkpointing:
        sketch.checkpoint_gradients()
    plan = sketch.step(_samples(trainer), len(trainer._micro_batches), "cpu")
    predicted = {"kept": sum(plan.kept.values()), "fullest": sum(plan.peak.values())}
    measured = {"kept": kept, "fullest": fullest}
    off = {key: 100 * abs(predicted[key] / measured[key] - 1) for key in predicted}
    return {"predicted": predicted, "measured": measured, "percent_off": off}


def _samples(trainer: Trainer) -> int:
    first = trainer._micro_batches[0]
    return first.stop - first.start


def _bytes(values: Any) -> int:
    return sum(leaf.nbytes for leaf in tree_leaves(values) if isinstance(leaf, Tensor))


def _bytes_in_python() -> int:
    """Of all tensors that have memory, shared storages once."""
    gc.collect()
    storages = {}
    for found in gc.get_objects():
        if issubclass(type(found), Tensor) and found.device.type == "cpu":
            storage = found.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def _added_by(trainer: Trainer) -> int:
    """Most bytes that a step holds at once beyond those before it."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        trainer._train_step()
    results = recorded.profiler
    assert results is not None and results.kineto_results is not None  # noqa: PT018
    events = [each for each in results.kineto_results.events() if each.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda each: each.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


def _show(figures: dict[str, Any]) -> list[str]:
    flat, wanted = {}, []
    for name, found in figures.items():
        for key, percent in found["percent_off"].items():
            predicted, measured = (found[of][key] / _MIB for of in ("predicted", "measured"))
            print(f"{name:16} {key:8} {predicted:9.1f} MiB predicted {measured:9.1f} measured")
            flat[f"{name} {key}"] = percent
            wanted.append(Wanted(f"{name} {key}", "at most", WANTED_PERCENT, "% off"))
    return harness.judge(flat, wanted)


if __name__ == "__main__":
    sys.exit(main())

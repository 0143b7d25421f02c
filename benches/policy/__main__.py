"""Measures how long a recipe's network takes to make a chunk of actions, with random weights.

    python -m benches.policy --recipe openvla_oft_7b --device cuda --compile
    python -m benches.policy --recipe mid --threads 2 --reference public.json --check
    python -m benches.policy --recipe twin_close_laptop --check

Stages: preprocess (from 480x640 camera frames), vision, llm, head. FiLM is computed once, as it is
for as long as the instruction stays. Any field of the recipe can be overridden. --check compares
with this project's figures: mid against the public implementation (--reference), the twin's one
query token a time step against one an action value. Exit code 1: a figure is missed; 2: the
measurement cannot be made.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benches.policy.flops import flops_of, tokens_of
from benches.policy.report import (
    Measurement,
    Setting,
    as_json,
    read_reference,
    table,
)
from benches.policy.timing import interleave, summarise
from benches.policy.workload import MODEL, BenchError, Workload
from vega_policy.checkpoint import compute_dtype
from vega_policy.errors import PolicyError
from vega_policy.recipe import load_recipe, recipe_names

PROMPT_TOKENS = 20
"""Of a prompt with a short instruction."""
REFERENCE_FIGURE = 1.5
"""The mid recipe is to be this much faster than the public implementation."""
TOKENS_FIGURE = 2.0
"""The twin is to be this much faster with a query token a step than with one an action value."""
KINDS = ("per_step", "per_dim")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    arguments = _parser().parse_intermixed_args(argv)
    try:
        return _run(arguments)
    except PolicyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except torch.OutOfMemoryError as error:
        text = str(error).splitlines()[0]
        print(f"error: the weights fit, a pass does not: {text}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benches.policy", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--recipe", required=True, help=", ".join(recipe_names()))
    add("--device", default="cpu", help="cpu, cuda, cuda:1 ... (default %(default)s)")
    add(
        "--dtype",
        choices=("float32", "bfloat16"),
        help="of the large parts (default: float32 on a CPU, bfloat16 on a GPU)",
    )
    add("--threads", type=_positive, default=1, help="CPU threads (default %(default)s)")
    add("--compile", action="store_true", help="torch.compile; on CUDA with CUDA graphs")
    add("--repeats", type=_positive, default=20, help="passes counted (default %(default)s)")
    add("--warm-up", type=_positive, default=3, help="passes before (default %(default)s)")
    add(
        "--prompt-tokens",
        type=_positive,
        default=PROMPT_TOKENS,
        metavar="N",
        help="length of the prompt (default %(default)s)",
    )
    add(
        "--compare-action-tokens",
        action="store_true",
        help="measure one query token a step and one an action value, in turn",
    )
    add("--reference", type=Path, metavar="FILE", help="what tests/reference/bench_public.py says")
    add("--check", action="store_true", help="exit with 1 if a figure is missed")
    add("--json", type=Path, metavar="FILE", help="write the results there too")
    add("overrides", nargs="*", metavar="field=value", help="fields of the recipe")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, got {value}")
    return value


def _run(arguments: argparse.Namespace) -> int:
    is_twin = arguments.recipe.startswith("twin")
    if arguments.check and arguments.recipe != "mid" and not is_twin:
        raise BenchError(
            f"--check has a figure for mid and for twin_*, none for {arguments.recipe}"
        )
    if arguments.check and not is_twin and arguments.reference is None:
        raise BenchError("--check of mid compares with the public implementation: give --reference")
    compares = arguments.compare_action_tokens or (arguments.check and is_twin)
    variants = {arguments.recipe: arguments.overrides}
    if compares:
        variants = {kind: [*arguments.overrides, f"model.action_tokens={kind}"] for kind in KINDS}
    arguments.dtype = arguments.dtype or ("float32" if arguments.device == "cpu" else "bfloat16")
    here = {key: getattr(arguments, key) for key in ("recipe", "dtype", "threads")}
    reference = read_reference(arguments.reference, here) if arguments.reference else None
    torch.set_num_threads(arguments.threads)
    measured = _measure(arguments, variants)
    results: dict[str, Any] = {"measurements": [as_json(value) for value in measured.values()]}
    print("\n\n".join(table(value) for value in measured.values()))
    met = True
    if compares:
        slow, fast = (measured[kind].latency[MODEL].p50_ms for kind in reversed(KINDS))
        met &= _ratio(results, "one query token a step", "one a value", slow / fast, TOKENS_FIGURE)
    if reference is not None:
        ours = next(iter(measured.values())).latency[MODEL].p50_ms
        ratio = reference.p50_ms / ours
        met &= _ratio(results, "this", "the public implementation", ratio, REFERENCE_FIGURE)
    if arguments.json is not None:
        _write(arguments.json, results)
    return 1 if arguments.check and not met else 0


def _measure(
    arguments: argparse.Namespace, variants: dict[str, list[str]]
) -> dict[str, Measurement]:
    """Measures the recipe with each list of overrides, in turn."""
    device = _device(arguments.device)
    models = {}
    workloads = {}
    for name, overrides in variants.items():
        recipe = load_recipe(arguments.recipe, overrides)
        models[name] = recipe.model
        _progress(f"{name}: random weights on {device}")
        workloads[name] = Workload(
            recipe,
            device,
            compute_dtype(arguments.dtype),
            arguments.compile,
            arguments.prompt_tokens,
        )
    if arguments.compile:
        _progress("compiling: the first pass takes minutes")
    runs = {name: workload.run for name, workload in workloads.items()}
    passes = interleave(runs, arguments.warm_up, arguments.repeats, _progress)
    setting = Setting(
        recipe=arguments.recipe,
        overrides=(),
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        dtype=arguments.dtype,
        threads=arguments.threads,
        compiled=arguments.compile,
        repeats=arguments.repeats,
    )
    return {
        name: Measurement(
            setting._replace(overrides=tuple(overrides)),
            tokens_of(models[name], arguments.prompt_tokens),
            flops_of(models[name], arguments.prompt_tokens),
            summarise(passes[name]),
        )
        for name, overrides in variants.items()
    }


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise BenchError(f"device {name}: {str(error).splitlines()[0]}") from None
    return device


def _ratio(results: dict[str, Any], fast: str, slow: str, ratio: float, figure: float) -> bool:
    met = ratio >= figure
    verdict = "met" if met else "MISSED"
    print(f"\n{fast} is {ratio:.2f} times as fast as {slow}; the figure is {figure:g}: {verdict}")
    results[f"{fast} over {slow}"] = {"ratio": ratio, "figure": figure, "met": met}
    return met


def _write(path: Path, results: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise BenchError(f"cannot write {path}: {error}") from None


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

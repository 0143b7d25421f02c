"""Measures a task of the twin: the operator's success, cost of a physics step and of an image.

    python -m benches.twin --task close_laptop --seeds 100 --json bench.json --check

`--check` fails when the operator succeeds less often than it must on easy seeds: 95 of 100 for a
task of one arm, 90 for a task of two.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from vega_sim import operators
from vega_sim.render import RenderError
from vega_sim.tasks import built_tasks
from vega_sim.twin import Twin

import hw_config
from benches import harness
from vega_core.command_line import positive

_REQUIRED_RATE = {1: 0.95, 2: 0.90}  # by number of arms
_FRAMES = 20


def run_seed(twin: Twin, seed: int) -> float | None:
    """Simulated seconds that the operator needs for a seed, or None when it fails."""
    config = twin.task.config
    operator = operators.make(config.name)
    twin.reset(seed)
    operator.reset(twin)
    while twin.time_s < config.time_limit_s:
        twin.advance(operator.act(twin))
        if twin.success():
            return twin.time_s
    return None


def measure(task: str, variant: str, seeds: int) -> dict[str, Any]:
    """Figures of a task, by name; times of failed seeds are left out."""
    twin = Twin(task, variant)
    times = {seed: run_seed(twin, seed) for seed in range(seeds)}
    done = [seconds for seconds in times.values() if seconds is not None]
    figures: dict[str, Any] = {
        "task": task,
        "variant": variant,
        "seeds": seeds,
        "operator_success_rate": len(done) / seeds,
        "failed_seeds": [seed for seed, seconds in times.items() if seconds is None],
        "operator_time_s_median": float(np.median(done)) if done else None,
        "operator_time_s_max": max(done, default=None),
        "physics_us_per_step": _physics_cost(twin),
    }
    figures.update({f"render_ms_{c}": _render_cost(twin, c) for c in twin.hw.cameras})
    twin.close()
    return figures


def _physics_cost(twin: Twin, steps: int = 2000) -> float:
    twin.reset(0)
    begun = time.perf_counter()
    twin.step(steps)
    return (time.perf_counter() - begun) / steps * 1e6


def _render_cost(twin: Twin, camera: str) -> float:
    """Median time of a 640x480 image in ms, the first image left out."""
    spans = []
    for _ in range(_FRAMES + 1):
        begun = time.perf_counter()
        twin.render(camera)
        spans.append(time.perf_counter() - begun)
    return float(np.median(spans[1:])) * 1e3


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code of `harness.run`."""
    parser = harness.parser("twin", __doc__, "fail below the required rate")
    parser.add_argument("--task", default="close_laptop", help=", ".join(built_tasks()))
    parser.add_argument("--variant", default="easy", help="easy or hard")
    parser.add_argument("--seeds", type=positive, default=100, help="seeds 0 .. N-1")
    args = parser.parse_args(argv)

    def show(figures: dict[str, Any]) -> list[str]:
        for name, value in figures.items():
            print(f"{name}: {value}")
        required = _REQUIRED_RATE[len(hw_config.load_task(args.task).arms)]
        if figures["operator_success_rate"] >= required:
            return []
        return [f"the operator must succeed on {required:.0%} of the seeds"]

    return harness.run(
        args, lambda: measure(args.task, args.variant, args.seeds), show, RenderError
    )


if __name__ == "__main__":
    sys.exit(main())

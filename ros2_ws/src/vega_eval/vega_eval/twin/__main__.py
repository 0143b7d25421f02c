"""Closed-loop evaluation in the twin, without ROS.

    python -m vega_eval.twin --checkpoint models/twin --task close_laptop --trials 20

The timing is that of the launched system: a new observation every `--replan-steps` control steps,
its chunk in force `--delay-steps` later, the old chunk running on meanwhile. Trial i plays seed
`--seed` + i. With `--check` the exit code is 1 below 80 % success (16 of 20).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from vega_sim import command_line
from vega_sim.tasks import built_tasks
from vega_sim.twin import Twin

import hw_config
from vega_policy.errors import PolicyError
from vega_policy.inference import ActionChunk, Observation, PolicyRunner

WANTED_SUCCESS_RATE = 0.8


@dataclass(frozen=True)
class Timing:
    """When chunks are asked for and when they take effect, in control steps."""

    replan_steps: int
    delay_steps: int


@dataclass(frozen=True)
class Outcome:
    """One trial."""

    seed: int
    success: bool
    time_s: float
    milestones: dict[str, bool]
    inference_ms: float


class ChunkPlayer:
    """Plays chunks as the launched system does: the old one until the new one is there."""

    def __init__(self, timing: Timing, home: np.ndarray) -> None:
        self._timing = timing
        self._target = home
        self._running: tuple[int, np.ndarray] | None = None
        self._coming: tuple[int, np.ndarray] | None = None

    def wants_observation(self, step: int) -> bool:
        """Whether inference starts at this step."""
        return step % self._timing.replan_steps == 0

    def offer(self, step: int, values: np.ndarray) -> None:
        """Takes the chunk [K, 14] inferred from the observation of `step`."""
        self._coming = (step, values)

    def target(self, step: int) -> np.ndarray:
        """The target [14] of a step; the last one is kept when a chunk has run out."""
        if self._coming and step >= self._coming[0] + self._timing.delay_steps:
            self._running, self._coming = self._coming, None
        if self._running:
            start, values = self._running
            if step - start < len(values):
                self._target = values[step - start]
        return self._target


def run_trial(twin: Twin, runner: PolicyRunner, seed: int, timing: Timing) -> Outcome:
    """Plays one seed to success or to the time limit."""
    config = twin.task.config
    twin.reset(seed)
    player = ChunkPlayer(timing, np.array(twin.hw.home))
    spent: list[float] = []
    step = 0
    while twin.time_s < config.time_limit_s and not twin.success():
        if player.wants_observation(step):
            chunk = _infer(twin, runner, config.instruction)
            spent.append(chunk.timings_ms["total"])
            player.offer(step, chunk.values)
        twin.advance(player.target(step))
        step += 1
    return Outcome(
        seed, twin.success(), round(twin.time_s, 3), twin.milestones(), float(np.median(spent))
    )


def _infer(twin: Twin, runner: PolicyRunner, instruction: str) -> ActionChunk:
    images = {name: twin.render(name) for name in runner.contract.camera_names}
    state = twin.positions().astype(np.float32)
    return runner.infer(Observation(images, state, instruction))


def _run_share(
    seeds: Sequence[int], checkpoint: Path, task: str, variant: str, timing: Timing
) -> list[Outcome]:
    runner = PolicyRunner.load(checkpoint)
    runner.contract.check_against(hw_config.load())
    twin = Twin(task, variant)
    outcomes = []
    for seed in seeds:
        outcomes.append(run_trial(twin, runner, seed, timing))
        last = outcomes[-1]
        word = "success" if last.success else "failure"
        print(f"seed {seed}: {word} after {last.time_s:.1f} s", file=sys.stderr, flush=True)
    twin.close()
    return outcomes


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    arguments = _parser().parse_args(argv)
    return command_line.run(lambda: _evaluate(arguments), "no figures", PolicyError)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vega_eval.twin",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--task", default="close_laptop", help=", ".join(built_tasks()))
    parser.add_argument("--variant", default="easy", choices=("easy", "hard"))
    parser.add_argument("--trials", type=command_line.whole(1), default=20)
    parser.add_argument("--seed", type=command_line.whole(0), default=0, help="of the first trial")
    parser.add_argument("--replan-steps", type=command_line.whole(1), default=8)
    parser.add_argument("--delay-steps", type=command_line.whole(0), default=3)
    parser.add_argument("--workers", type=command_line.whole(1), default=1)
    parser.add_argument(
        "--json", type=command_line.writable(".json"), help="write the figures here"
    )
    parser.add_argument("--check", action="store_true", help="exit 1 below 80 %% success")
    return parser


def _evaluate(arguments: argparse.Namespace) -> int:
    seeds = range(arguments.seed, arguments.seed + arguments.trials)
    play = partial(
        _run_share,
        checkpoint=arguments.checkpoint,
        task=arguments.task,
        variant=arguments.variant,
        timing=Timing(arguments.replan_steps, arguments.delay_steps),
    )
    begin = time.perf_counter()
    shares = [seeds[worker :: arguments.workers] for worker in range(arguments.workers)]
    if arguments.workers == 1:
        outcomes = play(shares[0])
    else:
        # A forked child would share the parent's OpenGL and thread state.
        context = multiprocessing.get_context("spawn")
        with context.Pool(arguments.workers, command_line.ignore_interrupt) as pool:
            outcomes = sorted(chain(*pool.map(play, shares)), key=lambda o: o.seed)
    successes = sum(outcome.success for outcome in outcomes)
    figures = {
        "task": arguments.task,
        "variant": arguments.variant,
        "trials": len(outcomes),
        "successes": successes,
        "success_rate": successes / len(outcomes),
        "median_time_s": float(np.median([o.time_s for o in outcomes])),
        "inference_ms": float(np.median([o.inference_ms for o in outcomes])),
        "episodes_per_hour": 3600 * len(outcomes) / (time.perf_counter() - begin),
        "outcomes": [asdict(outcome) for outcome in outcomes],
    }
    print(
        f"{arguments.task} ({arguments.variant}): {successes} of {len(outcomes)} trials succeeded"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return int(arguments.check and figures["success_rate"] < WANTED_SUCCESS_RATE)


if __name__ == "__main__":
    sys.exit(main())

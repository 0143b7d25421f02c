"""Measures how many trials an hour the twin plays, with one worker and with more.

    python -m benches.twin_evaluation --checkpoint models/twin --json bench.json --check

Both play the same trials, in turns, each time into new sessions; the median of the rounds counts.
`per_hour` is without the start of the workers (imports, loading), which is told apart. Whatever
else the computer does makes figures worse: `others_cores` says how many cores others kept busy
meanwhile, and `cpu_s_per_trial` hardly depends on them. `--check` fails when N workers play less
than 0.8 N times as many trials an hour as one.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from vega_eval.checkpoints import policies_of
from vega_eval.errors import EvalError
from vega_eval.provenance import provenance_now
from vega_eval.trials.blinding import PolicyIdentity
from vega_eval.twin.chunks import Timing
from vega_eval.twin.evaluation import Request, play_all, sessions
from vega_eval.twin.process_pool import ProcessPool
from vega_sim.render import RenderError

import hw_config
from benches import harness
from benches.harness import machine_cpu_s, process_cpu_s
from teleop.errors import TeleopError
from teleop.export.workers import processors
from vega_core.command_line import whole
from vega_policy.errors import PolicyError

WANTED_EFFICIENCY = 0.8
_FIGURES = ("per_hour", "per_hour_with_start", "start_s", "cpu_s_per_trial", "others_cores")


@dataclass(frozen=True)
class Round:
    """One evaluation.

    Attributes:
        workers: How many played.
        trials: How many there were.
        start_s: Until all workers had loaded everything.
        play_s: From then to the end.
        cpu_s_per_trial: Of the workers.
        others_cores: How many cores other programs kept busy meanwhile.
    """

    workers: int
    trials: int
    start_s: float
    play_s: float
    cpu_s_per_trial: float
    others_cores: float

    @property
    def per_hour(self) -> float:
        """Trials an hour, the start left out."""
        return 3600.0 * self.trials / self.play_s

    @property
    def per_hour_with_start(self) -> float:
        """The same with it."""
        return 3600.0 * self.trials / (self.start_s + self.play_s)


def measure(request: Request, workers: int) -> Round:
    """Plays a request, whose output must be new, with so many workers."""
    begin_s = time.perf_counter()
    with ProcessPool(workers, request.policies) as pool:
        pool.start(workers)
        ready_s, busy_s, own_s = (
            time.perf_counter(),
            machine_cpu_s(with_steal=True),
            _own_s(pool.pids),
        )
        with sessions(request) as opened:
            play_all(opened, pool, request, lambda session, record: None)
            trials = sum(len(session.status.valid) for session in opened)
        play_s = time.perf_counter() - ready_s
        spent_s = _own_s(pool.pids) - own_s
        others_s = machine_cpu_s(with_steal=True) - busy_s - spent_s
    return Round(
        workers=workers,
        trials=trials,
        start_s=ready_s - begin_s,
        play_s=play_s,
        cpu_s_per_trial=spent_s / trials,
        others_cores=max(others_s, 0.0) / play_s,
    )


def _own_s(pids: Sequence[int]) -> float:
    """Processor time that some processes have spent."""
    return sum(process_cpu_s(pid) for pid in pids)


def figures_of(rounds: Sequence[Round], workers: int) -> dict[str, Any]:
    """What the rounds with one worker and those with `workers` say together."""
    figures: dict[str, Any] = {"workers": workers, "cores": processors()}
    for figure in _FIGURES:
        figures[f"{figure}_one"] = _median(rounds, 1, figure)
        figures[f"{figure}_many"] = _median(rounds, workers, figure)
    figures["efficiency"] = efficiency(rounds, workers)
    figures["rounds"] = [asdict(played) for played in rounds]
    return figures


def efficiency(rounds: Sequence[Round], workers: int) -> float:
    """How many times as many trials an hour, by how many times as many workers."""
    return _median(rounds, workers, "per_hour") / _median(rounds, 1, "per_hour") / workers


def _median(rounds: Sequence[Round], workers: int, figure: str) -> float:
    return statistics.median(getattr(p, figure) for p in rounds if p.workers == workers)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code of `harness.run`."""
    parser = harness.parser("twin_evaluation", __doc__, f"fail below {WANTED_EFFICIENCY} N")
    add = parser.add_argument
    add("--checkpoint", type=Path, required=True, metavar="DIR")
    add("--trials", type=whole(1), default=24, help="in each round")
    add("--workers", type=whole(2), default=max(2, processors()))
    add("--rounds", type=whole(1), default=3)
    arguments = parser.parse_args(argv)
    expected = (PolicyError, EvalError, TeleopError, RenderError)
    return harness.run(arguments, partial(_measure_rounds, arguments), _show, *expected)


def _measure_rounds(arguments: argparse.Namespace) -> dict[str, Any]:
    workers = arguments.workers
    policies = policies_of([arguments.checkpoint], hw_config.load())
    rounds = []
    with tempfile.TemporaryDirectory(prefix="vega_bench_twin_") as folder:
        for number in range(1, arguments.rounds + 1):
            for count in (1, workers):
                output = Path(folder) / f"{number}-{count}"
                rounds.append(measure(_request(policies, arguments.trials, output), count))
                _log_round(number, arguments.rounds, rounds[-1])
    return figures_of(rounds, workers)


def _show(figures: dict[str, Any]) -> list[str]:
    for name, value in figures.items():
        if name != "rounds":
            print(f"{name}: {value:.4g}")
    if figures["efficiency"] >= WANTED_EFFICIENCY:
        return []
    workers = figures["workers"]
    return [f"{workers} workers must play {WANTED_EFFICIENCY} x {workers} times as many"]


def _request(policies: tuple[PolicyIdentity, ...], trials: int, output: Path) -> Request:
    return Request(
        policies=policies,
        tasks=("close_laptop",),
        variants=("easy",),
        trials=trials,
        seed=0,
        timing=Timing(replan_steps=8, delay_steps=3),
        output=output,
        known=provenance_now(),
    )


def _log_round(number: int, total: int, played: Round) -> None:
    print(
        f"[round {number}/{total}] {played.workers} workers: {played.per_hour:.0f} trials an hour, "
        f"{played.cpu_s_per_trial:.2f} s of processor each, others kept "
        f"{played.others_cores:.1f} cores busy",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())

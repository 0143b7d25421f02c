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
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from vega_eval.checkpoints import policies_of
from vega_eval.errors import EvalError
from vega_eval.provenance import provenance_now
from vega_eval.trials.blinding import PolicyIdentity
from vega_eval.twin.chunks import Timing
from vega_eval.twin.evaluation import Request, play_all, sessions
from vega_eval.twin.process_pool import ProcessPool
from vega_sim import command_line

import hw_config
from benches.harness import process_cpu_s
from teleop.errors import TeleopError
from teleop.export.workers import processors
from vega_policy.errors import PolicyError

WANTED_EFFICIENCY = 0.8
_FIGURES = ("per_hour", "per_hour_with_start", "start_s", "cpu_s_per_trial", "others_cores")
_TICKS = os.sysconf("SC_CLK_TCK")


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
        ready_s, busy_s, own_s = time.perf_counter(), _busy_s(), _own_s(pool.pids)
        with sessions(request) as opened:
            play_all(opened, pool, request, lambda session, record: None)
            trials = sum(len(session.status.valid) for session in opened)
        play_s = time.perf_counter() - ready_s
        spent_s = _own_s(pool.pids) - own_s
        others_s = _busy_s() - busy_s - spent_s
    return Round(
        workers=workers,
        trials=trials,
        start_s=ready_s - begin_s,
        play_s=play_s,
        cpu_s_per_trial=spent_s / trials,
        others_cores=max(others_s, 0.0) / play_s,
    )


def _busy_s() -> float:
    """Processor time that this computer has spent on anything."""
    user, nice, system, _, _, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / _TICKS


def _own_s(pids: Sequence[int]) -> float:
    """Processor time that some processes have spent."""
    return sum(process_cpu_s(pid) for pid in pids)


def figures_of(rounds: Sequence[Round], workers: int) -> dict[str, object]:
    """What the rounds with one worker and those with `workers` say together."""
    figures: dict[str, object] = {"workers": workers, "cores": processors()}
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
    """Command line; returns 0, 1 when `--check` fails, or 2 on an error."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.twin_evaluation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--checkpoint", type=Path, required=True, metavar="DIR")
    add("--trials", type=command_line.whole(1), default=24, help="in each round")
    add("--workers", type=command_line.whole(2), default=max(2, processors()))
    add("--rounds", type=command_line.whole(1), default=3)
    add("--json", type=command_line.writable(".json"), help="write the figures here")
    add("--check", action="store_true", help="fail below 0.8 N")
    arguments = parser.parse_args(argv)
    return command_line.run(
        partial(_bench, arguments), "no figures", PolicyError, EvalError, TeleopError
    )


def _bench(arguments: argparse.Namespace) -> int:
    workers = arguments.workers
    policies = policies_of([arguments.checkpoint], hw_config.load())
    rounds = []
    with tempfile.TemporaryDirectory(prefix="vega_bench_twin_") as folder:
        for number in range(1, arguments.rounds + 1):
            for count in (1, workers):
                output = Path(folder) / f"{number}-{count}"
                rounds.append(measure(_request(policies, arguments.trials, output), count))
                _tell(number, arguments.rounds, rounds[-1])
    figures = figures_of(rounds, workers)
    for name, value in figures.items():
        if name != "rounds":
            print(f"{name}: {value:.4g}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if arguments.check and efficiency(rounds, workers) < WANTED_EFFICIENCY:
        print(f"FAILED: {workers} workers must play {WANTED_EFFICIENCY} x {workers} times as many")
        return 1
    return 0


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


def _tell(number: int, total: int, played: Round) -> None:
    print(
        f"[round {number}/{total}] {played.workers} workers: {played.per_hour:.0f} trials an hour, "
        f"{played.cpu_s_per_trial:.2f} s of processor each, others kept "
        f"{played.others_cores:.1f} cores busy",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())

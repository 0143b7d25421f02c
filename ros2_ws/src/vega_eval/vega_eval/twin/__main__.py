"""Sessions of trials in the twin, without ROS, on as many processors as there are.

    python -m vega_eval.twin --checkpoint models/twin --task close_laptop --trials 20
    python -m vega_eval.twin --checkpoint A --checkpoint B --task close_laptop,handover_cucumber \\
        --variant easy,hard --trials 100 --workers 8

Each task in each variant becomes a session in a folder of its own below `--output`, as a launched
session writes it: policies hide behind letters and share scenes, trial i has the scene of seed
`--seed` + i. The same command with the same `--output` goes on where it was stopped or killed.

The timing is that of the launched system: a new observation every `--replan-steps` control steps,
its chunk in force `--delay-steps` later, the old chunk running on meanwhile. A worker keeps one
processor busy; outcomes do not depend on how many there are. With `--check` the exit code is 1 when
a policy succeeds in less than 80 % of a session's trials (16 of 20).
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from vega_sim import command_line
from vega_sim.tasks import built_tasks

import hw_config
from teleop.errors import TeleopError
from vega_core.command_line import whole, writable
from vega_eval.checkpoints import policies_of, untrained_for
from vega_eval.errors import EvalError
from vega_eval.provenance import provenance_now
from vega_eval.trials.session_spec import FILE_NAME
from vega_eval.twin.chunks import Timing, too_short
from vega_eval.twin.evaluation import Request, play_all, sessions
from vega_eval.twin.process_pool import ProcessPool
from vega_eval.twin.results import Pace, figures_of, result_lines
from vega_eval.twin.worker_pool import WorkerPool
from vega_policy.errors import PolicyError
from vega_policy.kinds import load_contract

WANTED_SUCCESS_RATE = 0.8
_LOGGED_BYTES = 1 << 30  # reading less takes no time worth a line


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.delay_steps >= arguments.replan_steps:
        parser.error("--delay-steps must be less than --replan-steps: one inference at a time")
    again = f"the same command with --output {arguments.output} goes on where it stopped"
    return command_line.run(
        partial(_evaluate, arguments, again), again, PolicyError, EvalError, TeleopError
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vega_eval.twin",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--checkpoint",
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        help="of a policy; give it again for another one",
    )
    add(
        "--task",
        type=_some_of(built_tasks()),
        default=("close_laptop",),
        metavar="TASK[,TASK]",
        help=", ".join(built_tasks()),
    )
    add(
        "--variant",
        type=_some_of(("easy", "hard")),
        default=("easy",),
        metavar="VARIANT[,VARIANT]",
        help="easy, hard or both",
    )
    add("--trials", type=whole(1), default=20, help="of each policy in each session")
    add("--seed", type=whole(0), default=0, help="of the first scene")
    add("--replan-steps", type=whole(1), default=8)
    add("--delay-steps", type=whole(0), default=3)
    add("--workers", type=whole(1), default=1, help="each keeps the policies loaded")
    add(
        "--ray",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        help="workers are Ray's, of this machine, or of the cluster at ADDRESS",
    )
    default = Path("runs") / f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-twin"
    add("--output", type=Path, default=default, metavar="DIR", help="default: runs/<UTC>-twin")
    add("--videos", action="store_true", help="film every trial, which takes time")
    add("--json", type=writable(".json"), help="write the figures here")
    add("--check", action="store_true", help="exit 1 below 80 %% success")
    return parser


def _some_of(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """An argparse type: some of these names, with commas between them."""

    def convert(text: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(text.split(",")))
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"expected some of {', '.join(known)}: {name!r}")
        return names

    return convert


def _evaluate(arguments: argparse.Namespace, again: str) -> int:
    request = _request(arguments)
    pool = _worker_pool(arguments, request)
    with pool:
        if not all((folder / FILE_NAME).exists() for folder in request.folders):
            # A checkpoint that does not load is refused before a session is made for it.
            pool.start()
        try:
            figures = _play(request, pool)
        except (EvalError, OSError):
            print(again, file=sys.stderr)
            raise
    if arguments.json:
        text = json.dumps({**figures, "workers": arguments.workers}, indent=2)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    rates = [policy["success_rate"] for s in figures["sessions"] for policy in s["policies"]]
    return int(arguments.check and min(rates) < WANTED_SUCCESS_RATE)


def _request(arguments: argparse.Namespace) -> Request:
    policies = policies_of(arguments.checkpoint, hw_config.load(), _log_reading)
    timing = Timing(arguments.replan_steps, arguments.delay_steps)
    for policy in policies:
        chunk = load_contract(Path(policy.checkpoint)).chunk
        if chunk < timing.replan_steps + timing.delay_steps:
            print(f"note: {policy.name}: {too_short(chunk, timing)}", file=sys.stderr)
    for task in arguments.task:
        for note in untrained_for(policies, task):
            print(f"note: {note}", file=sys.stderr)
    return Request(
        policies=policies,
        tasks=arguments.task,
        variants=arguments.variant,
        trials=arguments.trials,
        seed=arguments.seed,
        timing=timing,
        output=arguments.output,
        known=provenance_now(),
        video=arguments.videos,
    )


def _worker_pool(arguments: argparse.Namespace, request: Request) -> WorkerPool[Any]:
    if arguments.ray is None:
        return ProcessPool(arguments.workers, request.policies)
    # Here, not above: Ray is an optional dependency.
    from vega_eval.twin.ray_pool import RayPool

    return RayPool(arguments.workers, request.policies, request.known, arguments.ray)


def _play(request: Request, pool: WorkerPool[Any]) -> dict[str, Any]:
    with sessions(request) as opened:
        pace = Pace(
            wanted=sum(len(s.session.schedule) for s in opened),
            valid=sum(len(s.status.valid) for s in opened),
        )
        play_all(opened, pool, request, pace.log)
        found = [figures_of(session) for session in opened]
    print("\n".join(result_lines(found)))
    folders = [session["folder"] for session in found]
    several = ["--out", str(request.output / "report")] if len(folders) > 1 else []
    print(f"report: python -m vega_eval.report {shlex.join([*folders, *several])}")
    return {
        "sessions": found,
        "played": pace.played,
        "wall_s": pace.wall_s,
        "episodes_per_hour": 3600.0 * pace.played / pace.wall_s,
    }


def _log_reading(folder: Path, done: int, total: int) -> None:
    if total >= _LOGGED_BYTES:
        end = "\n" if done == total else "\r"
        share = f"{done / total:4.0%} of {total / 1e9:.1f} GB"
        print(f"{folder}: reading, {share}", end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

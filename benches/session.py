"""Kills a launched session at random moments, and checks that nothing is lost or comes twice.

    python -m benches.session --trials 20 --kills 10 --json session.json --check

Two policies play the twin unattended: the shipped one and, unless others are given, a copy of it
that was made worse. Trials are drawn at random; in each of them, at a random moment, the session's
node is killed with SIGKILL, or with every second kill the whole launch. Then the same command is
given again, until every trial has been played.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from vega_eval.errors import EvalError
from vega_eval.trials import journal
from vega_eval.trials.blinding import REVEALED_FILE
from vega_eval.trials.folder import FILE_NAME, read_session
from vega_eval.trials.session_status import replay

import hw_config
from benches import harness
from benches.harness import Wanted
from benches.launched import Launched
from vega_core.command_line import whole

_SHIPPED = Path(hw_config.__file__).resolve().parents[1] / "models" / "twin"
_HEAD = "action_head--latest_checkpoint.safetensors"
_WORSE = 0.1  # noise on the action head's weights, of their own spread
_LONGEST_S = 3600.0
_KILL_AFTER_S = (0.0, 12.0)  # wall time after the trial has been announced
_REPORTED = re.compile(r"\] trial (\d+), policy ([A-Z]): (success|partial|fail)\b")


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Plays and kills until every trial has been played; what is left then."""
    scratch = Path(tempfile.mkdtemp(prefix="vega_bench_"))
    policies = arguments.policies or [_SHIPPED, worsened(scratch / "worse")]
    output = arguments.output or scratch / "session"
    given = [
        "task:=close_laptop",
        f"policies:={','.join(map(str, policies))}",
        f"trials:={arguments.trials}",
        f"seed:={arguments.seed}",
        f"output:={output}",
    ]
    rng = np.random.default_rng(arguments.seed)
    began_s = time.monotonic()
    marked = sorted(rng.choice(2 * arguments.trials, arguments.kills, replace=False) + 1)
    reported: list[int] = []
    plans: set[str] = set()
    killed = 0
    while not (output / REVEALED_FILE).exists():
        with Launched(["vega_bringup", "eval.launch.py", *given]) as launch:
            trial = int(marked[killed]) if killed < len(marked) else None
            shot = trial is not None and _kill(launch, trial, 2 * arguments.trials, rng, killed)
            killed += shot
            if not launch.has_ended(_LONGEST_S):
                raise EvalError(f"the launch did not end:\n{_last(launch)}")
            if launch.exit_code and not shot:
                raise EvalError(f"the session failed:\n{_last(launch)}")
            played = [found for line in launch.lines if (found := _REPORTED.search(line))]
        reported += [int(found[1]) for found in played]
        plans.add(hashlib.sha256((output / FILE_NAME).read_bytes()).hexdigest())
        told = f"{len(set(reported))} of {2 * arguments.trials} trials are told as played"
        print(f"{killed} of {len(marked)} kills, {told}", flush=True)
    figures = _figures(output, reported, killed, len(plans))
    figures["minutes"] = round((time.monotonic() - began_s) / 60, 1)
    return figures


def worsened(folder: Path) -> Path:
    """A copy of the shipped policy whose action head is not quite what it was."""
    shutil.copytree(_SHIPPED, folder)
    rng = np.random.default_rng(0)
    weights = load_file(folder / _HEAD)
    for name, values in weights.items():
        spread = float(values.astype(np.float32).std())
        noise = rng.normal(0.0, _WORSE * spread, values.shape)
        weights[name] = (values + noise).astype(values.dtype)
    save_file(weights, folder / _HEAD)
    return folder


def _kill(launch: Launched, trial: int, last: int, rng: np.random.Generator, before: int) -> bool:
    """Kills at a random moment of a trial; False if the launch was over before."""
    due = "|".join(str(number) for number in range(trial, last + 1))
    if not launch.says(rf"\[session\]: trial ({due}) of \d+: policy", _LONGEST_S):
        return False
    if launch.has_ended(float(rng.uniform(*_KILL_AFTER_S))):
        return False
    if before % 2:
        launch.send(signal.SIGKILL)
    else:
        launch.kill("session_node")
    return True


def _last(launch: Launched) -> str:
    return "\n".join(launch.lines[-30:])


def _figures(
    output: Path, reported: Sequence[int], killed: int, schedules: int
) -> dict[str, float]:
    session, said = read_session(output), journal.read(output)
    now = replay(session, said.lines)
    valid = [record.trial for record in now.attempts if record.valid]
    return {
        "kills": killed,
        "trials_planned": len(session.schedule),
        "trials_valid": len(now.valid),
        "duplicates": len(valid) - len(set(valid)),
        "lost": len(set(reported) - set(valid)),
        "schedules": schedules,
        "invalid_attempts": len(now.attempts) - len(valid),
        "damaged_lines": len(said.damaged),
    }


def _wanted(arguments: argparse.Namespace) -> tuple[Wanted, ...]:
    return (
        Wanted("kills", "exactly", arguments.kills),
        Wanted("trials_valid", "exactly", 2 * arguments.trials),
        Wanted("duplicates", "exactly", 0),
        Wanted("lost", "exactly", 0),
        Wanted("schedules", "exactly", 1),
    )


def _show(arguments: argparse.Namespace, figures: dict[str, float]) -> list[str]:
    for name, value in figures.items():
        print(f"{name}: {value:g}")
    return harness.judge(figures, _wanted(arguments))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code of `harness.run`."""
    parser = harness.parser("session", __doc__, "exit 1 where a figure is missed")
    parser.add_argument("--trials", type=whole(1), default=20, help="of each policy")
    parser.add_argument("--kills", type=whole(0), default=10)
    parser.add_argument("--seed", type=whole(0), default=0)
    parser.add_argument("--policies", type=Path, nargs=2, help="two checkpoints")
    parser.add_argument("--output", type=Path, help="folder of the session; a temporary one")
    arguments = parser.parse_args(argv)
    if arguments.kills > 2 * arguments.trials:
        parser.error(f"--kills: at most one a trial, {2 * arguments.trials} here")
    return harness.run(arguments, partial(measure, arguments), partial(_show, arguments), EvalError)


if __name__ == "__main__":
    sys.exit(main())

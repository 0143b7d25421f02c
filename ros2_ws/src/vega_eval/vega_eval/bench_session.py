"""Kills a launched session at random moments, and checks that nothing is lost or comes twice.

    python -m vega_eval.bench_session --trials 20 --kills 10 --json session.json --check

Two policies play the twin unattended: the shipped one and, unless others are given, a copy of it
that was made worse. Trials are drawn at random; in each of them, at a random moment, the session's
node is killed with SIGKILL, or with every second kill the whole launch. Then the same command is
given again, until every trial has been played.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from vega_sim import command_line

import hw_config
from vega_eval.errors import EvalError
from vega_eval.trials import journal
from vega_eval.trials.folder import FILE_NAME, read_session
from vega_eval.trials.identity import OPENED
from vega_eval.trials.state import standing

_SHIPPED = Path(hw_config.__file__).resolve().parents[1] / "models" / "twin"
_HEAD = "action_head--latest_checkpoint.safetensors"
_WORSE = 0.03  # noise on the action head's weights, of their own spread
_LONGEST_LAUNCH_S = 3600.0
_LONGEST_END_S = 60.0
_KILL_AFTER_S = (0.0, 12.0)  # wall time after the trial has been announced
_ANNOUNCED = re.compile(r"\[session\]: trial (\d+) of \d+: policy")
_REPORTED = re.compile(r"\] trial (\d+), policy ([A-Z]): (success|partial|fail)\b")
_PID = re.compile(r"session_node-\d+\]: process started with pid \[(\d+)\]")


@dataclass
class Launch:
    """One launch of the session, and what it said.

    Attributes:
        reported: Trials that it told as played.
        trial: The one that it announced last.
        over: Everything that was launched has ended.
    """

    command: Sequence[str]
    environment: dict[str, str]
    reported: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.over, self._more = threading.Event(), threading.Condition()
        self.trial = 0
        self._node: int | None = None
        self._tail: list[str] = []
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=self.environment,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._tail = [*self._tail[-30:], line]
            if found := _PID.search(line):
                self._node = int(found[1])
            if found := _ANNOUNCED.search(line):
                with self._more:
                    self.trial = int(found[1])
                    self._more.notify_all()
            if found := _REPORTED.search(line):
                self.reported.add(int(found[1]))
                print(f"  {line.split('] ', 1)[-1].rstrip()}", flush=True)
        with self._more:
            self.over.set()
            self._more.notify_all()

    def wait_for_trial(self, number: int) -> bool:
        """Whether this trial, or a later one, is announced before everything is over."""
        with self._more:
            self._more.wait_for(lambda: self.trial >= number or self.over.is_set())
            return self.trial >= number

    def kill(self, whole: bool) -> None:
        """Kills the session's node, or the launch itself, with SIGKILL."""
        victim = self._process.pid if whole else self._node
        if victim is not None:
            os.kill(victim, signal.SIGKILL)

    def wait(self, timeout_s: float) -> int:
        """The exit code, once everything that was launched has ended.

        Raises:
            EvalError: Something still runs; its last lines are told.
        """
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            code = None
        # The pipe closes with the last process that writes to it.
        if code is None or not self.over.wait(_LONGEST_END_S):
            os.killpg(self._process.pid, signal.SIGKILL)
            raise EvalError(f"the launch did not end:\n{''.join(self._tail)}")
        return code

    @property
    def last_lines(self) -> str:
        """What it said last."""
        return "".join(self._tail)


def run(arguments: argparse.Namespace) -> int:
    """Runs the bench; returns the exit code."""
    scratch = Path(tempfile.mkdtemp(prefix="vega_bench_"))
    policies = arguments.policies or [_SHIPPED, worsened(scratch / "worse")]
    output = arguments.output or scratch / "session"
    command = [
        *("ros2", "launch", "vega_bringup", "eval.launch.py", "task:=close_laptop"),
        f"policies:={','.join(map(str, policies))}",
        f"trials:={arguments.trials}",
        f"seed:={arguments.seed}",
        f"output:={output}",
    ]
    rng = np.random.default_rng(arguments.seed)
    began_s = time.monotonic()
    launches: list[Launch] = []
    plans: set[str] = set()
    marked = sorted(rng.choice(2 * arguments.trials, arguments.kills, replace=False) + 1)
    killed = 0
    while not (output / OPENED).exists():
        launch = Launch(command, dict(os.environ))
        launches.append(launch)
        if killed < len(marked) and _kill(launch, int(marked[killed]), rng, killed % 2 == 1):
            killed += 1
            launch.wait(_LONGEST_END_S)
            print(f"kill {killed}/{len(marked)}, in trial {launch.trial}", flush=True)
        elif launch.wait(_LONGEST_LAUNCH_S) != 0:
            raise EvalError(f"the session failed:\n{launch.last_lines}")
        plans.add(hashlib.sha256((output / FILE_NAME).read_bytes()).hexdigest())
    figures = _figures(output, launches, killed, len(plans))
    figures["minutes"] = round((time.monotonic() - began_s) / 60, 1)
    return _tell(figures, arguments)


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


def _kill(launch: Launch, trial: int, rng: np.random.Generator, whole: bool) -> bool:
    """Kills at a random moment of a trial; False if the launch was over before."""
    if not launch.wait_for_trial(trial) or launch.over.wait(float(rng.uniform(*_KILL_AFTER_S))):
        return False
    launch.kill(whole)
    return True


def _figures(
    output: Path, launches: Sequence[Launch], killed: int, schedules: int
) -> dict[str, float]:
    session, said = read_session(output), journal.read(output)
    now = standing(session, said.lines)
    reported = [trial for launch in launches for trial in sorted(launch.reported)]
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


def _tell(figures: dict[str, float], arguments: argparse.Namespace) -> int:
    wanted = {
        "kills": arguments.kills,
        "trials_valid": 2 * arguments.trials,
        "duplicates": 0,
        "lost": 0,
        "schedules": 1,
    }
    for name, value in figures.items():
        goal = f"   (wanted: {wanted[name]})" if name in wanted else ""
        print(f"{name:18} {value:g}{goal}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    missed = [name for name, goal in wanted.items() if figures[name] != goal]
    if missed:
        print(f"MISSED: {', '.join(missed)}", file=sys.stderr)
    return int(bool(missed) and arguments.check)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m vega_eval.bench_session",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--trials", type=command_line.whole(1), default=20, help="of each policy")
    parser.add_argument("--kills", type=command_line.whole(0), default=10)
    parser.add_argument("--seed", type=command_line.whole(0), default=0)
    parser.add_argument("--policies", type=Path, nargs=2, help="two checkpoints")
    parser.add_argument("--output", type=Path, help="folder of the session; a temporary one")
    parser.add_argument(
        "--json", type=command_line.writable(".json"), help="write the figures here"
    )
    parser.add_argument("--check", action="store_true", help="exit 1 where a figure is missed")
    arguments = parser.parse_args(argv)
    if arguments.kills > 2 * arguments.trials:
        parser.error(f"--kills: at most one a trial, {2 * arguments.trials} here")
    return command_line.run(lambda: run(arguments), "no figures", EvalError)


if __name__ == "__main__":
    sys.exit(main())

"""Measures exports: how fast they are, and how true to what was recorded.

    python -m benches.export                  # synthetic episodes, made in a temporary folder
    python -m benches.export DIR --json export.json --check

Each format is written once with all workers, read back with public readers, and thrown away.
Processor time is given too, which says on a busy computer what an idle one would do. --check: exit
code 1 if a format misses a figure. Synthetic episodes are 3 cameras of 640x480 at 30 Hz, a moving
scene with the noise of a sensor, and two leaders and two followers at 200 Hz.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from teleop.command_line import add_workers, log
from teleop.errors import TeleopError
from teleop.export.checks import refuse
from teleop.export.formats import ExportPlan
from teleop.export.readback import Fidelity, compare
from teleop.export.recording import Choice, prepare
from teleop.export.run import ExportJob, run
from teleop.export.selection import KINDS, select
from teleop.export.synthetic import record
from vega_core import command_line

FIGURE = 5.0
"""Times real time, at least."""
MOST = Fidelity(joint_error=0.0, stamp_error=0.5, colour_error=4.0)
"""How far an export may be from the recording."""
_FORMATS: tuple[tuple[str, bool], ...] = (("lerobot", False), ("hdf5", True), ("hdf5", False))
_EPISODES = 4
_ROUNDING = 1e-6  # stamps are whole nanoseconds
_SECONDS = 10.0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    arguments = _parser().parse_args(argv)
    return command_line.run(lambda: _run(arguments), TeleopError, OSError)


def _run(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="export-bench-", dir=arguments.scratch) as folder:
        dataset = arguments.dataset or _synthetic(Path(folder) / "dataset")
        results = [_measure(dataset, Path(folder), arguments, *each) for each in _FORMATS]
    figures = {"at_least": FIGURE, "at_most": MOST._asdict(), "workers": arguments.workers}
    command_line.write_json(arguments.json, {**figures, "results": results}, indent=1)
    for each in results:
        print("\n".join(_lines(each)))
    return int(arguments.check and any(each["missed"] for each in results))


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser("benches.export", __doc__)
    add = parser.add_argument
    add("dataset", type=Path, nargs="?", help="a recorded dataset (default: a synthetic one)")
    add(
        "--fps", type=command_line.positive, default=25, help="steps a second (default %(default)s)"
    )
    add_workers(parser)
    add("--scratch", type=Path, help="where to write (default: the system's temporary folder)")
    command_line.add_json(parser)
    add("--check", action="store_true", help="exit with 1 if a figure is missed")
    return parser


def _synthetic(folder: Path) -> Path:
    log(f"recording {_EPISODES} synthetic episodes of {_SECONDS:.0f} s")
    record(folder, _EPISODES, _SECONDS)
    return folder


def _measure(
    dataset: Path, folder: Path, arguments: argparse.Namespace, form: str, compress: bool
) -> dict[str, Any]:
    choice = Choice(fps=arguments.fps)
    folders = select([dataset], None, KINDS).folders
    refused = partial(refuse, accepted=())
    jobs = [ExportJob(str(path), partial(prepare, path, choice, refused)) for path in folders]
    name = f"{form}, JPEG" if compress else form
    plan = ExportPlan(
        out=folder / name.replace(", ", "-"),
        format=form,
        action=choice.action,
        ahead=choice.ahead,
        workers=arguments.workers,
        compress=compress,
    )
    before = _cpu_s()
    summary = run(jobs, plan, log)
    cpu_s = _cpu_s() - before
    fidelity = compare(plan.out, form)
    missed = [n for n, most in MOST._asdict().items() if getattr(fidelity, n) > most + _ROUNDING]
    return {
        "format": name,
        "times_real_time": round(summary.speed, 2),
        "recorded_s": round(summary.recorded_s, 2),
        "took_s": round(summary.took_s, 2),
        "cpu_per_recorded_s": round(cpu_s / summary.recorded_s, 3),
        "episodes": summary.episodes,
        "mb_per_minute": round(summary.bytes / 1e6 / summary.recorded_s * 60, 1),
        **{name: round(value, 9) for name, value in fidelity._asdict().items()},
        "missed": missed + (["times_real_time"] if summary.speed < FIGURE else []),
    }


def _lines(each: dict[str, Any]) -> list[str]:
    verdict = f"MISSED: {', '.join(each['missed'])}" if each["missed"] else "ok"
    return [
        f"{each['format']}: {each['times_real_time']:.1f}x real time (at least {FIGURE:g}), "
        f"{each['cpu_per_recorded_s']:.2f} s of a processor and "
        f"{each['mb_per_minute'] / 60:.1f} MB a second recorded",
        f"  joints off by {each['joint_error']:g}, stamps by {each['stamp_error']:.3f} of a sample "
        f"(at most {MOST.stamp_error:g}), colours by {each['colour_error']:.1f} levels (at most "
        f"{MOST.colour_error:g}): {verdict}",
    ]


def _cpu_s() -> float:
    """Processor time of this process and of workers that have ended (s)."""
    own, others = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


if __name__ == "__main__":
    sys.exit(main())
